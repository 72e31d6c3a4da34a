//! The ring is compiled here with the atomics of loom.

fn main() {
    println!("cargo::rustc-cfg=ring_model");
    println!("cargo::rerun-if-changed=build.rs");
}
