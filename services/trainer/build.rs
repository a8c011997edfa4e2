//! Tells the linked programs where to look for libxgboost.so at run time, and the trainer which commit it is.

fn main() {
    println!("cargo:rerun-if-env-changed=XGBOOST_LIB_DIR");
    // Beside the binary, in the image's /usr/local/lib, and in target/xgboost seen from target/<profile> and its deps.
    for place in ["$ORIGIN", "$ORIGIN/../lib", "$ORIGIN/../xgboost", "$ORIGIN/../../xgboost"] {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{place}");
    }
    // A target folder elsewhere needs the absolute path; what is shipped does not carry it.
    let shipped = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if let (Ok(dir), false) = (std::env::var("XGBOOST_LIB_DIR"), shipped) {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{dir}");
    }
    println!("cargo:rerun-if-env-changed=PDEX_GIT_COMMIT");
    let commit = std::env::var("PDEX_GIT_COMMIT").ok().or_else(head);
    println!("cargo:rustc-env=PDEX_GIT_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
}

/// The checkout's commit, from git's own files: a build needs no git.
fn head() -> Option<String> {
    let root = std::path::Path::new("../..");
    let mut git = root.join(".git");
    if git.is_file() {
        // A linked worktree names its folder.
        git = std::fs::read_to_string(&git).ok()?.strip_prefix("gitdir:")?.trim().into();
    }
    let head = git.join("HEAD");
    println!("cargo:rerun-if-changed={}", head.display());
    let text = std::fs::read_to_string(&head).ok()?;
    let Some(name) = text.strip_prefix("ref:").map(str::trim) else { return Some(text.trim().to_owned()) };
    let shared = std::fs::read_to_string(git.join("commondir")).ok();
    let shared = shared.map_or_else(|| git.clone(), |dir| git.join(dir.trim()));
    let file = shared.join(name);
    println!("cargo:rerun-if-changed={}", file.display());
    if let Ok(commit) = std::fs::read_to_string(&file) {
        return Some(commit.trim().to_owned());
    }
    let packed = std::fs::read_to_string(shared.join("packed-refs")).ok()?;
    packed.lines().find_map(|line| line.strip_suffix(name)).map(|commit| commit.trim().to_owned())
}
