//! Log lines of containers: whose each is, when it came, in which colour.

use std::io::{self, Write};

use serde_json::json;

use super::document;
use crate::definition::model::ServiceName;
use crate::world::live::Listed;
use crate::world::time::Timestamp;

/// Foreground colours of services, those that read on light and on dark.
const PALETTE: [u8; 6] = [36, 33, 32, 35, 34, 96];

/// How lines are written.
#[derive(Debug, Clone, Default)]
pub struct Style {
    /// Width of the prefix; `None`: there is none.
    pub prefix: Option<usize>,
    pub color: bool,
    pub times: bool,
    pub json: bool,
    /// Services in the order of their colours.
    pub services: Vec<ServiceName>,
}

/// Whose line it is: the service, with its number from the second container on.
pub fn name(container: &Listed) -> String {
    match (container.one_off, container.number) {
        (true, _) => container.name.clone(),
        (false, 0 | 1) => container.service.to_string(),
        (false, number) => format!("{}-{number}", container.service),
    }
}

impl Style {
    /// Writes one line.
    pub fn write(
        &self,
        out: &mut dyn Write,
        from: &Listed,
        at: Option<Timestamp>,
        error: bool,
        text: &[u8],
    ) -> io::Result<()> {
        if self.json {
            let line = json!({
                "service": from.service,
                "container": from.name,
                "stream": if error { "stderr" } else { "stdout" },
                "line": String::from_utf8_lossy(text),
            });
            return writeln!(out, "{}", document(at.unwrap_or_default(), line));
        }
        if let Some(width) = self.prefix {
            let name = name(from);
            match self.color(&from.service) {
                Some(color) => write!(out, "\x1b[{color}m{name:width$} |\x1b[0m ")?,
                None => write!(out, "{name:width$} | ")?,
            }
        }
        if let Some(at) = at.filter(|_| self.times) {
            write!(out, "{at:#} ")?;
        }
        out.write_all(text)?;
        out.write_all(b"\n")
    }

    fn color(&self, service: &ServiceName) -> Option<u8> {
        let index = self.services.iter().position(|name| name == service)?;
        self.color.then(|| PALETTE[index % PALETTE.len()])
    }
}
