//! Compiles what stands between `cust` and the driver, when there is a `cust`.

fn main() {
    println!("cargo:rerun-if-changed=src/driver");
    #[cfg(feature = "cuda")]
    compile(if cfg!(feature = "simgpu") { "src/driver/linked_in.c" } else { "src/driver/forwarders.c" });
}

/// As `libcuda.a`: it is also what the `-lcuda` of `cust` finds where no CUDA is installed.
#[cfg(feature = "cuda")]
fn compile(source: &str) {
    cc::Build::new().file(source).warnings_into_errors(true).link_lib_modifier("+whole-archive").compile("cuda");
}
