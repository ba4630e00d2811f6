//! What training needs beside products, attention and the row-wise kernels: [`gpukern_kernels::embedding`], [`gpukern_kernels::heads`],
//! [`gpukern_kernels::elementwise`], [`gpukern_kernels::adam`].

use gpukern_kernels::{adam, elementwise, embedding, heads};

use super::{Numbers, bytes, one_dimensional};
use crate::{Argument, Launch, Vetted};

/// [`embedding::EMBEDDING`].
// SAFETY: see `kernels`: reads `rows` tokens and positions, compares each with its table's rows before it is used, and writes
// `rows`×`columns` numbers.
pub const EMBEDDING: Vetted =
    unsafe { Vetted::new("embedding", embedding::PTX, embedding::EMBEDDING.name, embedding_reach) };

/// [`embedding::EMBEDDING_BACKWARD`].
// SAFETY: see `kernels`: reads `rows` indices and `rows`×`columns` numbers, writes `entries`×`columns`; indices are compared, not followed.
pub const EMBEDDING_BACKWARD: Vetted =
    unsafe { Vetted::new("embedding", embedding::PTX, embedding::EMBEDDING_BACKWARD.name, embedding_backward_reach) };

/// [`heads::SPLIT_HEADS`].
// SAFETY: see `kernels`: stays inside the two shapes where `part` < `parts` and `first` + `tokens` ≤ `capacity`.
pub const SPLIT_HEADS: Vetted = unsafe {
    Vetted::new("heads", heads::PTX, heads::SPLIT_HEADS.name, |launch, arguments| {
        heads_reach(launch, arguments).map(|[rows, by_head]| vec![rows, by_head])
    })
};

/// [`heads::JOIN_HEADS`].
// SAFETY: as SPLIT_HEADS.
pub const JOIN_HEADS: Vetted = unsafe {
    Vetted::new("heads", heads::PTX, heads::JOIN_HEADS.name, |launch, arguments| {
        heads_reach(launch, arguments).map(|[rows, by_head]| vec![by_head, rows])
    })
};

/// [`elementwise::ADD`].
// SAFETY: see `kernels`: `count` f32 of each array, as of the other three.
pub const ADD: Vetted = unsafe {
    Vetted::new("elementwise", elementwise::PTX, elementwise::ADD.name, |launch, arguments| {
        arrays(launch, arguments, 2)
    })
};

/// [`elementwise::RELU`].
// SAFETY: as ADD.
pub const RELU: Vetted = unsafe {
    Vetted::new("elementwise", elementwise::PTX, elementwise::RELU.name, |launch, arguments| {
        arrays(launch, arguments, 1)
    })
};

/// [`elementwise::RELU_BACKWARD`].
// SAFETY: as ADD.
pub const RELU_BACKWARD: Vetted = unsafe {
    Vetted::new("elementwise", elementwise::PTX, elementwise::RELU_BACKWARD.name, |launch, arguments| {
        arrays(launch, arguments, 2)
    })
};

/// [`elementwise::FLOORED_LOSS`].
// SAFETY: as ADD.
pub const FLOORED_LOSS: Vetted = unsafe {
    Vetted::new("elementwise", elementwise::PTX, elementwise::FLOORED_LOSS.name, |launch, arguments| {
        arrays(launch, arguments, 3)
    })
};

/// [`adam::ADAM`].
// SAFETY: see `kernels`: `count` f32 of five arrays, and one u32.
pub const ADAM: Vetted = unsafe { Vetted::new("adam", adam::PTX, adam::ADAM.name, adam_reach) };

/// [`adam::SUM_OF_SQUARES`].
// SAFETY: see `kernels`: reads `count` f32, writes an f64 for each block of the grid.
pub const SUM_OF_SQUARES: Vetted =
    unsafe { Vetted::new("adam", adam::PTX, adam::SUM_OF_SQUARES.name, sum_of_squares_reach) };

/// A grid in x of any size: threads walk in strides.
fn any_grid(launch: &Launch, block: [u32; 3]) -> Result<(), String> {
    one_dimensional(launch, block, u64::from(gpukern_kernels::GRID_X_MAX))
}

/// rows, columns, vocab, context, tokens, positions, wte, wpe, out.
fn embedding_reach(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let numbers = Numbers(arguments);
    let [rows, columns] = [numbers.dimension(0, "rows")?, positive(&numbers, 1, "columns")?];
    let [vocab, context] = [numbers.dimension(2, "vocab")?, numbers.dimension(3, "context")?];
    any_grid(launch, embedding::BLOCK)?;
    let (index, row) = (bytes(&[rows, 4])?, bytes(&[columns, 4])?);
    Ok(vec![index, index, bytes(&[vocab, row])?, bytes(&[context, row])?, bytes(&[rows, row])?])
}

/// rows, columns, entries, index, d_out, d_table.
fn embedding_backward_reach(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let numbers = Numbers(arguments);
    let [rows, columns] = [numbers.dimension(0, "rows")?, positive(&numbers, 1, "columns")?];
    let entries = numbers.dimension(2, "entries")?;
    one_dimensional(launch, embedding::BLOCK, embedding::backward_grid(entries as u32, columns as u32))?;
    Ok(vec![bytes(&[rows, 4])?, bytes(&[rows, columns, 4])?, bytes(&[entries, columns, 4])?])
}

/// batch, tokens, heads, head_dim, parts, part, capacity, first: the bytes of rows and of what is by head.
fn heads_reach(launch: &Launch, arguments: &[Argument<'_>]) -> Result<[usize; 2], String> {
    let numbers = Numbers(arguments);
    let [batch, tokens, heads, head_dim, parts] = [
        positive(&numbers, 0, "batch")?,
        positive(&numbers, 1, "tokens")?,
        positive(&numbers, 2, "heads")?,
        positive(&numbers, 3, "head_dim")?,
        positive(&numbers, 4, "parts")?,
    ];
    let [part, capacity, first] =
        [numbers.dimension(5, "part")?, numbers.dimension(6, "capacity")?, numbers.dimension(7, "first")?];
    if part >= parts {
        return Err(format!("part {part} of {parts} parts"));
    }
    if first + tokens > capacity {
        return Err(format!("{tokens} tokens from slot {first} on are more than the capacity of {capacity}"));
    }
    any_grid(launch, [launch.block[0], 1, 1])?;
    Ok([bytes(&[batch, tokens, parts, heads, head_dim, 4])?, bytes(&[batch, heads, capacity, head_dim, 4])?])
}

/// count, …, and so many arrays of f32.
fn arrays(launch: &Launch, arguments: &[Argument<'_>], arrays: usize) -> Result<Vec<usize>, String> {
    any_grid(launch, [launch.block[0], 1, 1])?;
    Ok(vec![bytes(&[Numbers(arguments).size(0, "count")?, 4])?; arrays])
}

/// count, nine factors, gradient, before, first, second, after, not_finite.
fn adam_reach(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    any_grid(launch, adam::BLOCK)?;
    let array = bytes(&[Numbers(arguments).size(0, "count")?, 4])?;
    Ok(vec![array, array, array, array, array, 4])
}

/// count, x, partial.
fn sum_of_squares_reach(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    any_grid(launch, adam::BLOCK)?;
    Ok(vec![bytes(&[Numbers(arguments).size(0, "count")?, 4])?, bytes(&[launch.grid[0] as usize, 8])?])
}

/// A size that the kernel divides by, or that makes its shapes empty.
fn positive(numbers: &Numbers<'_>, index: usize, name: &str) -> Result<usize, String> {
    match numbers.dimension(index, name)? {
        0 => Err(format!("{name} is 0, it must be at least 1")),
        size => Ok(size),
    }
}
