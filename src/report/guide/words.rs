//! Every text of the guided start, in both languages, in one table. Names in braces are put in by [`Text::with`].

use clap::ValueEnum;

/// What the guided start speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    #[value(name = "en")]
    English,
    #[value(name = "fr")]
    French,
}

impl Language {
    /// Of a locale such as `fr_FR.UTF-8`: French, or English for anything else.
    pub fn of_locale(locale: &str) -> Self {
        let language = locale.split(['_', '.', '@', '-']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("fr") { Self::French } else { Self::English }
    }

    /// As definitions name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }
}

macro_rules! table {
    ($($name:ident: $english:literal, $french:literal;)+) => {
        /// A text, whatever its language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Text { $($name),+ }

        impl Text {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            fn both(self) -> (&'static str, &'static str) {
                match self { $(Self::$name => ($english, $french)),+ }
            }
        }
    };
}

table! {
    Title: "This starts {project} on this machine: {count} containers.",
        "Ceci démarre {project} sur cette machine : {count} conteneurs.";
    ColumnService: "service", "service";
    ColumnPurpose: "what for", "rôle";
    ColumnMemory: "memory", "mémoire";
    ColumnStack: "stack", "pile";
    InBoth: "light, full", "légère, complète";
    InFull: "full", "complète";
    NoLimit: "no limit", "sans limite";

    Memory: "memory  at most {amount}, by the limits of the definition", "mémoire  au plus {amount}, selon les limites de la définition";
    MemoryOpen: "memory  at most {amount}, by the limits of the definition; services without one: {count}", "mémoire  au plus {amount}, selon les limites de la définition ; services sans limite : {count}";
    MemoryOfMachine: "; the machine has {amount}", " ; la machine en a {amount}";
    DiskThere: "disk    its images are there: {amount}", "disque   ses images sont là : {amount}";
    DiskToCome: "disk    about {amount} for images that are not there yet", "disque   environ {amount} pour des images encore absentes";
    DiskUnknown: "disk    images that are not there yet, of unknown size: {count}", "disque   images encore absentes, de taille inconnue : {count}";
    DiskAnd: ", and {count} of unknown size", ", et {count} de taille inconnue";
    DiskFree: "; {amount} are free", " ; {amount} sont libres";
    TimeNothing: "time    none: everything runs already", "durée    nulle : tout tourne déjà";
    TimeUnknown: "time    not measured yet: this start will be", "durée    pas encore mesurée : ce démarrage le sera";
    TimeImages: "time    {took} the last time images were made or fetched ({day}, {count} services)",
        "durée    {took} la dernière fois que des images ont été faites ou obtenues ({day}, {count} services)";
    TimeJobs: "time    {took} the last time data and model were made ({day}, {count} services)",
        "durée    {took} la dernière fois que données et modèle ont été faits ({day}, {count} services)";
    TimeContainers: "time    {took} the last time all was there and only started ({day}, {count} services)",
        "durée    {took} la dernière fois que tout était là, à démarrer seulement ({day}, {count} services)";

    MachineFits: "machine nothing is in the way: ports, disk, memory, folders", "machine  rien ne s'y oppose : ports, disque, mémoire, dossiers";
    MachineFitsLight: "The full stack cannot start here as things are; the light one can.", "La pile complète ne peut pas démarrer ici en l'état ; la légère le peut.";
    MachineFitsNot: "As things are the stack cannot start on this machine.", "En l'état, la pile ne peut pas démarrer sur cette machine.";

    AskStack: "Which stack?", "Quelle pile ?";
    StackFull: "full", "complète";
    StackLight: "light", "légère";
    StackHint: "{count} services, at most {amount}", "{count} services, au plus {amount}";
    StackHintLight: "{count} services, at most {amount}; without {missing}", "{count} services, au plus {amount} ; sans {missing}";
    AskData: "There is data from before. What becomes of it?", "Il y a des données d'avant. Qu'en faire ?";
    DataKeep: "keep it", "les garder";
    DataFresh: "start fresh", "repartir de zéro";
    DataHint: "deletes {volumes}", "supprime {volumes}";
    AskBuild: "Images are there. Build them again now?", "Les images sont là. Les reconstruire maintenant ?";
    BuildNo: "no, use them", "non, les utiliser";
    BuildYes: "yes, build", "oui, reconstruire";
    AskExpose: "Who may reach the page and the API?", "Qui peut atteindre la page et l'API ?";
    ExposeNo: "this machine alone", "cette machine seulement";
    ExposeYes: "other machines too", "les autres machines aussi";
    ExposeHint: "no TLS, and no key with DEV_MODE=true: {ports}", "sans TLS, et sans clé si DEV_MODE=true : {ports}";
    AskLoad: "Generate traffic afterwards, so that there is something to see?", "Générer du trafic ensuite, pour avoir quelque chose à voir ?";
    LoadNo: "no", "non";
    LoadFor: "for {took}", "pendant {took}";
    AskOpen: "Open the pages in the browser at the end?", "Ouvrir les pages dans le navigateur à la fin ?";
    No: "no", "non";
    Yes: "yes", "oui";
    AskGo: "Start?", "Démarrer ?";

    Plan: "What is going to be done:", "Ce qui va être fait :";
    PlanNothing: "Everything runs already; there is nothing to be done.", "Tout tourne déjà ; il n'y a rien à faire.";
    PlanRemoves: "First everything of the project is removed, with its data: {volumes}", "D'abord, tout le projet est supprimé, données comprises : {volumes}";
    AnswersAre: "answers: {answers}", "réponses : {answers}";
    AnswerStack: "stack {answer}", "pile {answer}";
    AnswerData: "data: {answer}", "données : {answer}";
    AnswerBuild: "build: {answer}", "reconstruire : {answer}";
    AnswerExpose: "reachable from {answer}", "accessible depuis {answer}";
    AnswerLoad: "traffic: {answer}", "trafic : {answer}";
    AnswerOpen: "open pages: {answer}", "ouvrir les pages : {answer}";
    WarnExposed: "warning: other machines reach {ports} without TLS; with DEV_MODE=true nobody needs a key. Only in a network you trust.",
        "attention : les autres machines atteignent {ports} sans TLS ; avec DEV_MODE=true, personne n'a besoin de clé. Seulement dans un réseau de confiance.";
    Kept: "{variable}={value} is written to {path}; later commands heed it", "{variable}={value} est écrit dans {path} ; les commandes suivantes en tiennent compte";
    NotKept: "{variable}={value} holds for this start; for later commands set it in the environment or in the env file",
        "{variable}={value} vaut pour ce démarrage ; pour les commandes suivantes, à mettre dans l'environnement ou le fichier env";

    StepRemove: "── removing what is there", "── suppression de l'existant";
    StepUp: "── starting", "── démarrage";
    StepValidate: "── checking", "── vérification";
    StepLoad: "── traffic", "── trafic";

    Ready: "It runs.", "Tout tourne.";
    ReadyLinks: "It runs:", "Tout tourne :";
    FailedRemove: "Not everything could be removed. Running it again goes on from here.", "Tout n'a pas pu être supprimé. Relancer reprend d'ici.";
    FailedUp: "It did not become ready. Running it again goes on from here.", "Tout n'est pas prêt. Relancer reprend d'ici.";
    FailedValidate: "It runs, and not every check passes.", "Tout tourne, mais certaines vérifications échouent.";
    FailedLoad: "It runs; the traffic did not go well.", "Tout tourne ; le trafic s'est mal passé.";
    Stopped: "Stopped. Running it again goes on from here.", "Arrêté. Relancer reprend d'ici.";
    OpenFailed: "warning: no browser could be started: {cause}", "attention : aucun navigateur n'a pu être lancé : {cause}";
    Next: "Next:", "Ensuite :";
    NextAgain: "goes on from here", "reprend d'ici";
    NextLogs: "shows what the services print", "montre ce qu'affichent les services";
    NextLoad: "sends traffic and says how it was borne", "envoie du trafic et dit comment il est supporté";
    NextPs: "shows what runs", "montre ce qui tourne";
    NextValidate: "checks everything again", "vérifie tout à nouveau";
    NextDown: "stops and removes it; the data stays", "arrête et supprime tout ; les données restent";

    Cancelled: "cancelled; nothing was changed", "annulé ; rien n'a été changé";
    Declined: "nothing was changed", "rien n'a été changé";
    NoTerminal: "quick-start asks questions, and there is no terminal to ask them on", "quick-start pose des questions, et il n'y a pas de terminal pour les poser";
    NoTerminalHint: "`pdex quick-start --auto` asks nothing and takes the defaults; options give other answers",
        "`pdex quick-start --auto` ne demande rien et prend les réponses par défaut ; des options en donnent d'autres";
    UnfitLight: "--stack light: the definition calls no part of the stack essential", "--stack light : la définition ne dit essentielle aucune partie de la pile";
    UnfitExpose: "--expose: the definition binds nothing to ${variable}", "--expose : la définition ne lie rien à ${variable}";
    UnfitLoad: "--load: the definition has no service api that publishes its port 8000", "--load : la définition n'a pas de service api publiant son port 8000";
    UnfitOpen: "--open: there is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set)", "--open : pas d'écran ici (ni DISPLAY ni WAYLAND_DISPLAY)";
    UnfitHint: "`pdex quick-start --help`", "`pdex quick-start --help`";
}

impl Text {
    /// The text without anything put in.
    pub fn plain(self, language: Language) -> &'static str {
        let (english, french) = self.both();
        match language {
            Language::English => english,
            Language::French => french,
        }
    }

    /// The text with values in the places of their names.
    pub fn with(self, language: Language, values: &[(&str, &str)]) -> String {
        let mut text = String::new();
        let mut rest = self.plain(language);
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, behind)) = after.split_once('}') else { break };
            text.push_str(before);
            let value = values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
            text.push_str(value.unwrap_or(name));
            rest = behind;
        }
        text + rest
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn placeholders(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).map(|part| part.split_once('}').expect("closed").0).collect()
    }

    #[test]
    fn both_languages_say_everything_with_the_same_values() {
        // What is the same word in both.
        let same = [Text::ColumnService, Text::UnfitHint];
        for text in Text::ALL {
            let (english, french) = text.both();
            assert!(!english.trim().is_empty() && !french.trim().is_empty(), "{text:?}");
            assert_eq!(placeholders(english), placeholders(french), "{text:?}");
            assert_eq!(english == french, same.contains(text), "{text:?}");
        }
    }

    #[test]
    fn values_are_put_where_their_names_are() {
        let values = [("count", "9"), ("project", "{count}")];
        let title = Text::Title.with(Language::English, &values);
        assert_eq!(title, "This starts {count} on this machine: 9 containers.");
        assert!(Text::Title.with(Language::French, &values).contains(": 9 conteneurs."));
        assert_eq!(Text::Yes.with(Language::French, &[]), "oui");
    }

    #[test]
    fn a_locale_tells_the_language() {
        for (locale, expected) in [
            ("fr_FR.UTF-8", Language::French),
            ("fr", Language::French),
            ("FR-CA", Language::French),
            ("fr@euro", Language::French),
            ("en_GB.UTF-8", Language::English),
            ("fry_NL", Language::English),
            ("C.UTF-8", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(Language::of_locale(locale), expected, "{locale}");
        }
    }
}
