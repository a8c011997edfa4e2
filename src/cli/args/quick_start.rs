//! Arguments of `quick-start`: one for each of its questions.

use std::time::Duration;

use clap::Args;

use crate::guide::{Data, Given, Stack, Traffic};
use crate::load::span;
use crate::report::guide::Language;

/// `quick-start`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct QuickStart {
    /// Ask nothing: what no option answers is as it is, or what intrudes least
    #[arg(short = 'y', long, visible_alias = "yes")]
    pub(crate) auto: bool,
    /// All services, or only what the web page cannot do without
    #[arg(long, value_enum)]
    pub(crate) stack: Option<Stack>,
    /// What becomes of data from before
    #[arg(long, value_enum)]
    pub(crate) data: Option<Data>,
    /// Build the images that have a recipe even where they are present
    #[arg(long)]
    pub(crate) build: bool,
    /// Build only what is not there
    #[arg(long, conflicts_with = "build")]
    pub(crate) no_build: bool,
    /// Let other machines reach the web page and the API, without TLS; kept in .env
    #[arg(long)]
    pub(crate) expose: bool,
    /// Bind them to this machine alone; kept in .env
    #[arg(long, conflicts_with = "expose")]
    pub(crate) no_expose: bool,
    /// Generate traffic afterwards: minutes, or with a unit: 90s
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    pub(crate) load: Option<Duration>,
    /// Generate none
    #[arg(long, conflicts_with = "load")]
    pub(crate) no_load: bool,
    /// Open the pages in the browser at the end
    #[arg(long)]
    pub(crate) open: bool,
    /// Open none
    #[arg(long, conflicts_with = "open")]
    pub(crate) no_open: bool,
    /// Language of the questions [default: that of `LC_ALL`, `LC_MESSAGES` or LANG]
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    pub(crate) lang: Option<Language>,
}

impl QuickStart {
    /// The answers that the options give.
    pub(crate) fn given(&self) -> Given {
        let switch = |yes: bool, no: bool| (yes || no).then_some(yes);
        Given {
            stack: self.stack,
            data: self.data,
            build: switch(self.build, self.no_build),
            expose: switch(self.expose, self.no_expose),
            load: self.load.map(Traffic::For).or(self.no_load.then_some(Traffic::None)),
            open: switch(self.open, self.no_open),
        }
    }
}
