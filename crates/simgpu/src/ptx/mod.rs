//! From PTX text to [`ast::Module`].
//!
//! A lexer and a recursive-descent parser, one topic a file, after the PTX manual ("Parallel Thread Execution
//! ISA", chapters 4, 5, 7, 10 and 11). The text is read once, token by token; what it declares is looked up by name while
//! reading, and only indices remain. The parser knows the form of instructions, not their meaning: an opcode that no GPU
//! has is found where instructions are decoded.
//!
//! The text may come from anybody. Whatever it holds, the answer is a module or an [`Error`] that names the line; nesting
//! and memory are bounded by [`limits`].

pub mod ast;

mod body;
mod expressions;
mod function;
mod initialisers;
mod lexer;
mod module;
mod operands;
mod scopes;
mod tokens;
mod variables;

use crate::error::Error;
use crate::limits;

type Result<T> = std::result::Result<T, Error>;

/// Parses a PTX file.
///
/// Debug sections are skipped, `.loc` becomes [`ast::Instruction::source`].
///
/// # Errors
///
/// [`Error::Syntax`] for what is not PTX, unknown and duplicate names included; [`Error::Unsupported`] for directives that
/// this GPU does not know (textures, `.alias`, calls through pointers, 32-bit addresses); [`Error::Limit`].
///
/// ```
/// let text = ".version 8.0 .target sm_80 .address_size 64
///     .visible .entry fill(.param .u64 out) {
///         .reg .b64 %rd<2>;
///         ld.param.u64 %rd1, [out];
///         st.global.u32 [%rd1+4], 7;
///         ret;
///     }";
/// let module = simgpu::ptx::parse(text)?;
/// assert_eq!(module.functions[0].name, "fill");
/// assert_eq!(module.functions[0].body.as_ref().map(|body| body.instructions.len()), Some(3));
/// # Ok::<(), simgpu::Error>(())
/// ```
pub fn parse(text: &str) -> Result<ast::Module> {
    if text.len() > limits::MODULE_BYTES {
        let (value, max) = (text.len() as u64, limits::MODULE_BYTES as u64);
        return Err(Error::Limit { what: "bytes of PTX text", value, max });
    }
    module::parse(text)
}
