//! From PTX text to [`ast::Module`].

pub mod ast;
