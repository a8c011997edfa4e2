//! Tells the linked programs where to look for libxgboost.so at run time.

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
}
