//! `pdex quick-start` as a person has it: in a terminal of tmux, keys pressed, the screen read; on the simulated engine. What comes
//! to the screen is kept in `tests/screens`; `PDEX_SESSIONS=update cargo test --test quick_start` writes it anew, and the part of
//! it that the README shows.

#![expect(clippy::disallowed_methods, reason = "the program is tested from outside, in another's terminal")]
#![expect(clippy::unwrap_used, reason = "helpers of a test fail it")]

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// For anything on the screen to come; a test that has to wait so long has failed.
const LIMIT: Duration = Duration::from_mins(1);

/// Of servers of this process.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A terminal with a shell of its own, in a folder of its own.
struct Terminal {
    /// Of the server, one for each command: an old screen must not be taken for the new one.
    socket: RefCell<String>,
    folder: tempfile::TempDir,
}

impl Terminal {
    /// In a folder that holds the definition of the session of that name.
    fn of_session(session: &str) -> Self {
        let text = std::fs::read_to_string(Path::new(ROOT).join("tests/sessions").join(session)).unwrap();
        let (_, rest) = text.split_once("--- stack.yaml\n").unwrap();
        let (definition, _) = rest.split_once("--- session\n").unwrap();
        let terminal = Self::empty();
        std::fs::write(terminal.file("stack.yaml"), definition).unwrap();
        terminal
    }

    fn empty() -> Self {
        Self { socket: RefCell::default(), folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        let mut tmux = Command::new("tmux");
        tmux.env("TMUX_TMPDIR", self.folder.path()).env_remove("TMUX").env("LC_ALL", "C.UTF-8");
        tmux.args(["-u", "-f", "/dev/null", "-L", &self.socket.borrow()]).args(arguments);
        tmux.output().expect("tmux, which these tests need (apt-get install tmux)")
    }

    /// Types the command at the shell's prompt; its exit code is printed after it.
    fn begin(&self, locale: &str, runtime: &str, words: &str) {
        self.leave();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        self.socket.replace(format!("pdex-{}-{number}", std::process::id()));
        let folder = self.folder.path().display();
        let program = env!("CARGO_BIN_EXE_pdex");
        let line = format!(
            "cd {folder}; printf '$ pdex {words}\\n'; env -i TERM=\"$TERM\" PATH=\"$PATH\" TMPDIR={folder} XDG_STATE_HOME={folder} \
             LC_ALL={locale} LANG={locale} {program} --runtime={runtime} {words}; printf 'exit %s\\n' \"$?\"; stty -a | grep -o -E ' -?(echo|icanon)' | tr -d '\\n'; read -r _"
        );
        let started = self.tmux(&["new-session", "-d", "-x", "130", "-y", "60", &line]);
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    }

    fn leave(&self) {
        if !self.socket.borrow().is_empty() {
            self.tmux(&["kill-server"]);
        }
    }

    fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Everything that came to the screen, what has left it at the top included.
    fn screen(&self) -> String {
        let text = self.tmux(&["capture-pane", "-p", "-S", "-"]).stdout;
        let text = String::from_utf8(text).unwrap().replace(&*self.folder.path().to_string_lossy(), "DIR");
        text.lines().map(|line| format!("{}\n", line.trim_end())).collect::<String>().trim_end().to_owned()
    }

    fn wait(&self, wanted: &str) -> String {
        let end = Instant::now() + LIMIT;
        loop {
            let screen = self.screen();
            if screen.contains(wanted) {
                return screen;
            }
            assert!(Instant::now() < end, "`{wanted}` did not come:\n{screen}");
            // Another program draws the screen, and tells nobody when it has.
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Answers questions one by one: what is asked, and the keys.
    fn answer(&self, dialogue: &[(&str, &[&str])]) {
        for (question, keys) in dialogue {
            self.wait(question);
            self.press(keys);
        }
    }

    /// Until the command has ended so, with the terminal as it was.
    fn end(&self, code: u8) -> String {
        let screen = self.wait(" icanon echo");
        assert!(screen.contains(&format!("\nexit {code}\n")), "{screen}");
        screen
    }

    /// The process that the shell waits for.
    fn process(&self) -> Pid {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"]).stdout;
        let shell = String::from_utf8(shell).unwrap();
        let children = format!("/proc/{0}/task/{0}/children", shell.trim());
        let children = std::fs::read_to_string(children).unwrap();
        Pid::from_raw(children.split_whitespace().next().unwrap().parse().unwrap()).unwrap()
    }

    /// What the engine has; nothing where nothing was ever done.
    fn state(&self) -> String {
        std::fs::read_to_string(self.file("engine.json")).unwrap_or_default()
    }

    fn containers(&self) -> usize {
        self.state().matches("\"name\": \"shop-").count()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.leave();
    }
}

const SIM: &str = "sim:engine.json";
const ENGLISH: &str = "C.UTF-8";
const ENTER: &[&str] = &["Enter"];
const DOWN: &[&str] = &["Down", "Enter"];

/// Holds a screen against the one that is kept.
fn same_screen(name: &str, screen: &str) {
    let file = Path::new(ROOT).join("tests/screens").join(name);
    let screen = format!("{screen}\n");
    if std::env::var("PDEX_SESSIONS").is_ok_and(|v| v == "update") {
        std::fs::write(&file, screen).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept == screen, "{}\n{screen}", file.display());
}

/// The screen up to where the shell has the terminal back.
fn shown(screen: &str) -> &str {
    screen.split_once("\nexit ").map_or(screen, |(before, _)| before)
}

#[test]
fn a_person_gets_from_nothing_to_links() {
    let terminal = Terminal::of_session("quick-start.session");
    terminal.begin(ENGLISH, SIM, "-f stack.yaml quick-start");
    terminal.answer(&[("Which stack?", ENTER), ("Who may reach", ENTER), ("Start?", ENTER)]);
    let screen = terminal.end(0);
    assert_eq!(terminal.containers(), 4, "{}", terminal.state());
    same_screen("quick-start.txt", shown(&screen));
}

#[test]
fn other_answers_are_heeded_and_said_in_french() {
    let terminal = Terminal::of_session("quick-start.session");
    terminal.begin(ENGLISH, SIM, "-f stack.yaml quick-start --auto");
    terminal.end(0);
    std::fs::write(terminal.file(".env"), "A=1\nPDEX_BIND_ADDRESS=127.0.0.1\n").unwrap();
    terminal.begin("fr_FR.UTF-8", SIM, "-f stack.yaml quick-start --no-load");
    terminal.answer(&[
        ("Quelle pile ?", DOWN),
        ("Il y a des données d'avant", DOWN),
        ("Qui peut atteindre", DOWN),
        ("Démarrer ?", ENTER),
    ]);
    let screen = terminal.end(0);
    assert!(screen.contains("données comprises : shop_data"), "{screen}");
    assert!(screen.contains("removed volume shop_data"), "{screen}");
    assert!(screen.contains("les autres machines atteignent 8080 (web) sans TLS"), "{screen}");
    assert_eq!(terminal.containers(), 3, "{}", terminal.state());
    let kept = std::fs::read_to_string(terminal.file(".env")).unwrap();
    assert_eq!(kept, "A=1\nPDEX_BIND_ADDRESS=0.0.0.0\n");
}

#[test]
fn who_cancels_has_changed_nothing() {
    let questions = ["Which stack?", "Who may reach", "Start?"];
    for (number, question) in questions.into_iter().enumerate() {
        for key in ["Escape", "C-c"] {
            let terminal = Terminal::of_session("quick-start.session");
            terminal.begin(ENGLISH, SIM, "-f stack.yaml quick-start");
            for earlier in &questions[..number] {
                terminal.answer(&[(earlier, ENTER)]);
            }
            terminal.answer(&[(question, &[key])]);
            let screen = terminal.end(130);
            assert!(screen.contains("cancelled; nothing was changed"), "{screen}");
            assert_eq!(terminal.containers(), 0, "{}", terminal.state());
            assert!(!terminal.file("pdex").exists(), "nothing is kept of it");
            if (number, key) == (1, "Escape") {
                same_screen("quick-start-cancelled.txt", shown(&screen));
            }
        }
    }
}

#[test]
fn who_says_no_or_is_ended_from_outside_has_changed_nothing() {
    let terminal = Terminal::of_session("quick-start.session");
    terminal.begin(ENGLISH, SIM, "-f stack.yaml quick-start --stack full --no-expose");
    terminal.answer(&[("Start?", DOWN)]);
    terminal.end(9);
    assert_eq!(terminal.containers(), 0, "{}", terminal.state());
    terminal.begin(ENGLISH, SIM, "-f stack.yaml quick-start");
    terminal.wait("Which stack?");
    kill_process(terminal.process(), Signal::TERM).unwrap();
    let screen = terminal.end(143);
    assert!(screen.contains("cancelled; nothing was changed"), "{screen}");
    assert_eq!(terminal.containers(), 0, "{}", terminal.state());
}

#[test]
fn a_start_that_fails_says_so_and_is_picked_up_by_the_next() {
    let terminal = Terminal::of_session("quick-start.session");
    let stack = std::fs::read_to_string(terminal.file("stack.yaml")).unwrap();
    let broken = stack.replace("sim.exit: \"0\"", "sim.exit: \"1\"");
    assert_ne!(stack, broken);
    std::fs::write(terminal.file("stack.yaml"), broken).unwrap();
    let dialogue: [(&str, &[&str]); 3] =
        [("Which stack?", ENTER), ("Who may reach", ENTER), ("Start?", ENTER)];
    terminal.begin(ENGLISH, SIM, "-f stack.yaml quick-start");
    terminal.answer(&dialogue);
    let screen = terminal.end(1);
    same_screen("quick-start-fails.txt", shown(&screen));
    std::fs::write(terminal.file("stack.yaml"), stack).unwrap();
    terminal.begin(ENGLISH, SIM, "-f stack.yaml quick-start");
    terminal.answer(&[("Which stack?", ENTER), ("There is data from before", ENTER)]);
    terminal.answer(&dialogue[1..]);
    let screen = terminal.end(0);
    assert!(screen.contains("fill: run once (last run ended with exit code 1)"), "{screen}");
}

#[test]
fn a_start_that_is_interrupted_is_picked_up_by_the_next() {
    let terminal = Terminal::of_session("quick-start.session");
    // The engine stops answering when it is to start a container.
    terminal.begin(ENGLISH, "sim:engine.json:hang=12", "-f stack.yaml quick-start --stack full --no-expose");
    terminal.answer(&[("Start?", ENTER), ("waiting for store", &["C-c"])]);
    let screen = terminal.end(130);
    assert!(screen.contains("Stopped. Running it again goes on from here."), "{screen}");
    terminal.begin(ENGLISH, SIM, "-f stack.yaml quick-start --auto");
    terminal.end(0);
    assert_eq!(terminal.containers(), 4, "{}", terminal.state());
}

/// What the README shows, in its first chapter.
const SHOWN: (&str, &str) = ("<!-- quick-start: begin -->\n", "<!-- quick-start: end -->");

#[test]
fn the_readme_shows_the_platforms_own_screen() {
    let terminal = Terminal::empty();
    for name in ["stack", "prometheus", "dashboards", ".env.example"] {
        std::os::unix::fs::symlink(Path::new(ROOT).join(name), terminal.file(name)).unwrap();
    }
    std::fs::create_dir(terminal.file("models")).unwrap();
    terminal.begin(ENGLISH, SIM, "quick-start");
    terminal.answer(&[("Which stack?", ENTER), ("Who may reach", ENTER), ("Generate traffic", DOWN)]);
    let screen = terminal.wait("Start?");
    assert!(!terminal.file(".env").exists(), "a look writes no secrets");
    terminal.press(&["Escape"]);
    terminal.end(130);
    assert!(!terminal.file(".env").exists(), "nothing was changed");
    let screen = format!("```console\n{screen}\n```\n");
    let path = Path::new(ROOT).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(SHOWN.0).unwrap();
    let (now, after) = rest.split_once(SHOWN.1).unwrap();
    if std::env::var("PDEX_SESSIONS").is_ok_and(|v| v == "update") {
        std::fs::write(path, [before, SHOWN.0, &screen, SHOWN.1, after].concat()).unwrap();
    } else {
        assert!(
            now == screen,
            "PDEX_SESSIONS=update cargo test --test quick_start writes it anew:\n{screen}"
        );
    }
}
