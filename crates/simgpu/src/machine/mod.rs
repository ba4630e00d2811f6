//! Blocks and warps: who runs when, what they touch, and what is noticed on the way.
//!
//! A block runs on one host thread from beginning to end. Its warps take turns: each runs until all of its lanes wait at a
//! barrier or have left. Within a warp the lanes may part at a branch; the path with the lowest basic block runs first, so
//! that paths meet again at the first place they share; a path at something that synchronises waits for those that can still come.
// A lane is a number that indexes several registers at once.
#![allow(clippy::needless_range_loop)]

mod access;
mod atomic;
mod banks;
mod barrier;
mod block;
mod clock;
mod copies;
mod exchange;
mod global;
mod local;
mod matrix;
mod notes;
mod order;
mod past;
mod races;
mod shadow;
mod shared;
mod warp;
mod wmma;

pub(crate) use access::{generic_atomic, generic_load, generic_store};
pub(crate) use atomic::{global_atomic, shared_atomic};
pub(crate) use block::{Block, Context};
pub(crate) use clock::read_clock;
pub(crate) use copies::{commit_group, copy_async, wait_group};
pub(crate) use exchange::{active_mask, match_lanes, reduce, shuffle, sync_warp, vote};
pub(crate) use global::{global_load, global_store};
pub(crate) use local::{local_load, local_store};
pub(crate) use matrix::{load_matrix, multiply, store_matrix};
pub(crate) use notes::Notes;
pub(crate) use races::{BLOCKS as RACES_BLOCKS, Races};
pub(crate) use shared::{shared_load, shared_store};
pub(crate) use warp::Warp;
pub(crate) use wmma::multiply_fragments;

use crate::program::Op;

/// What runs the first operation of a slice (and as many more as its span says).
///
/// Unsafe because a function may need a CPU feature, and may trust the slots of its operations; see `lanes::run`.
pub(crate) type Run = for<'a, 'b, 'c, 'd> unsafe fn(&'a mut Warp, &'b mut Block<'c>, &'d [Op]);

/// Generic addresses of shared memory start here; below is global memory. No host has memory at such an address.
pub(crate) const SHARED_WINDOW: u64 = 1 << 60;
/// Generic addresses of local memory start here.
pub(crate) const LOCAL_WINDOW: u64 = 2 << 60;
/// Generic addresses of the kernel's parameters start here.
pub(crate) const PARAM_WINDOW: u64 = 3 << 60;
