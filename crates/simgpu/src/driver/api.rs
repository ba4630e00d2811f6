//! How a function of the driver API is written.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::codes::CUresult;
use super::failure::{self, Failure};

/// Declares exported functions: C signature and body. A body is Rust that ends in `Result<(), Failure>`.
///
/// Each becomes an `extern "C"` function of that name under the contract of [`raw`](super::raw): the only unsafe thing
/// about it is what its caller passes. `NAMES` and `find` list them for `cuGetProcAddress`.
macro_rules! driver_api {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) $body:block)*) => {
        $(
            $(#[$doc])*
            // SAFETY: (no_mangle) the name is that of the driver API, which stands here in the driver's place; this crate
            // has no other symbol of that name.
            #[unsafe(no_mangle)]
            pub(super) unsafe extern "C" fn $name($($argument: $type),*) -> $crate::driver::codes::CUresult {
                $crate::driver::api::run(move || -> Result<(), $crate::driver::failure::Failure> { $body })
            }
        )*

        /// The functions of this file.
        pub(super) const NAMES: &[&str] = &[$(stringify!($name)),*];

        /// The address of one of them.
        pub(super) fn find(name: &str) -> Option<*const std::ffi::c_void> {
            match name {
                $(stringify!($name) => Some($name as *const std::ffi::c_void),)*
                _ => None,
            }
        }
    };
}

/// Runs a body: no panic leaves it, and the thread remembers its failure.
pub(super) fn run(body: impl FnOnce() -> Result<(), Failure>) -> CUresult {
    // Unwind safety: what a body changes is behind mutexes, whose poison is ignored because each change is complete in
    // itself (a table entry in or out).
    let result = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(Failure::new(CUresult::UNKNOWN, message.unwrap_or("a panic").to_owned()))
    });
    match result {
        Ok(()) => CUresult::SUCCESS,
        Err(failure) => {
            failure::remember(&failure);
            failure.code
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let code = run(|| panic!("number {}", 7));
        assert_eq!(code, CUresult::UNKNOWN);
        let text = failure::text(code).expect("a text").to_str().expect("UTF-8");
        assert!(text.ends_with("number 7"), "{text}");
    }
}
