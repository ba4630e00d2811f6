//! Compiles the forwarders that stand between `cust` and the driver, when there is a `cust`.

fn main() {
    println!("cargo:rerun-if-changed=src/driver.c");
    #[cfg(feature = "cuda")]
    compile_forwarders();
}

/// As `libcuda.a`: it is also what the `-lcuda` of `cust` finds where no CUDA is installed.
#[cfg(feature = "cuda")]
fn compile_forwarders() {
    cc::Build::new()
        .file("src/driver.c")
        .warnings_into_errors(true)
        .link_lib_modifier("+whole-archive")
        .compile("cuda");
}
