//! How a driver function fails: a code, and what it does not say.
//!
//! The API has room for a number only. The sentence behind it is kept for the thread that saw the failure, and
//! `cuGetErrorString` gives it out after the general text, so that programs that print errors print it too.

use std::cell::Cell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::sync::{Mutex, PoisonError};

use super::codes::CUresult;
use crate::error::Error;

/// Distinct sentences kept for `cuGetErrorString`. A program may hold on to what it was given, so none is ever dropped.
const SENTENCES_KEPT: usize = 1024;

/// A failed call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    /// What the function returns.
    pub(super) code: CUresult,
    /// What went wrong, where the code does not say all.
    pub(super) detail: Option<String>,
}

impl Failure {
    pub(super) fn new(code: CUresult, detail: impl Into<String>) -> Failure {
        Failure { code, detail: Some(detail.into()) }
    }
}

impl From<CUresult> for Failure {
    fn from(code: CUresult) -> Failure {
        Failure { code, detail: None }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let code = match &error {
            Error::Syntax { .. } | Error::Unsupported { .. } => CUresult::INVALID_PTX,
            Error::Limit { .. } => CUresult::LAUNCH_OUT_OF_RESOURCES,
            Error::NoKernel { .. } => CUresult::NOT_FOUND,
            Error::Launch { .. } | Error::Memory { .. } => CUresult::INVALID_VALUE,
        };
        Failure::new(code, error.to_string())
    }
}

thread_local! {
    /// The last failure of this thread: its code and text.
    static LAST: Cell<Option<(CUresult, &'static CStr)>> = const { Cell::new(None) };
}

static SENTENCES: Mutex<Option<HashMap<String, &'static CStr>>> = Mutex::new(None);

/// Remembers a failure for this thread.
pub(super) fn remember(failure: &Failure) {
    LAST.set(failure.detail.as_deref().and_then(|detail| Some((failure.code, sentence(failure.code, detail)?))));
}

/// The text of a code: that of this thread's last failure if it had this code, else the general one.
pub(super) fn text(code: CUresult) -> Option<&'static CStr> {
    match LAST.get() {
        Some((last, text)) if last == code => Some(text),
        _ => code.text(),
    }
}

/// The general text and the detail, for as long as the process lives. `None` when too many were made.
fn sentence(code: CUresult, detail: &str) -> Option<&'static CStr> {
    let general = code.text()?.to_str().ok()?;
    let text = format!("{general}: {}", detail.replace('\0', " "));
    let mut sentences = SENTENCES.lock().unwrap_or_else(PoisonError::into_inner);
    let sentences = sentences.get_or_insert_with(HashMap::new);
    if let Some(known) = sentences.get(&text) {
        return Some(known);
    }
    if sentences.len() >= SENTENCES_KEPT {
        return None;
    }
    let kept: &'static CStr = Box::leak(CString::new(text.clone()).ok()?.into_boxed_c_str());
    sentences.insert(text, kept);
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_detail_belongs_to_the_last_failure_of_the_thread() {
        remember(&Failure::new(CUresult::INVALID_PTX, "line 3: `foo` is not supported"));
        let text_here = text(CUresult::INVALID_PTX).expect("a text").to_str().expect("UTF-8");
        assert_eq!(text_here, "the PTX could not be compiled: line 3: `foo` is not supported");
        assert_eq!(text(CUresult::NOT_FOUND), CUresult::NOT_FOUND.text());
        let elsewhere = std::thread::spawn(|| text(CUresult::INVALID_PTX)).join().expect("no panic");
        assert_eq!(elsewhere, CUresult::INVALID_PTX.text());
        remember(&CUresult::INVALID_PTX.into());
        assert_eq!(text(CUresult::INVALID_PTX), CUresult::INVALID_PTX.text());
    }
}
