//! A kernel: what a launcher must know of it, and which launches it takes.

use super::{KernelInfo, Launch};
use crate::error::Error;
use crate::limits;
use crate::profile::{BLOCK_DIMENSIONS, GRID_DIMENSIONS};
use crate::program::Program;
use crate::ptx::ast::{self, Function, Place, Space};

/// A kernel that can be launched.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) name: String,
    pub(crate) program: Program,
    pub(super) info: KernelInfo,
    threads_required: bool,
}

impl Kernel {
    pub(super) fn new(module: &ast::Module, function: &Function, program: Program) -> Kernel {
        let info = info(module, function, &program);
        Kernel { name: function.name.clone(), program, info, threads_required: function.threads_required }
    }

    /// Whether the kernel can be launched like that.
    pub(super) fn check(&self, launch: &Launch<'_>) -> Result<(), Error> {
        let error = |message: String| Err(Error::Launch { kernel: self.name.clone(), message });
        let (grid, block) = (launch.grid, launch.block);
        if grid.contains(&0) || block.contains(&0) {
            return error(format!("the grid is {grid:?} and the block {block:?}, each must be at least 1"));
        }
        for (what, size, limit) in [("grid", grid, GRID_DIMENSIONS), ("block", block, BLOCK_DIMENSIONS)] {
            if size.iter().zip(limit).any(|(&size, limit)| size > limit) {
                return error(format!("the {what} is {size:?}, at most {limit:?} is allowed"));
            }
        }
        let product = |sizes: [u32; 3]| sizes.iter().fold(1u64, |product, &size| product.saturating_mul(size.into()));
        let threads = product(block);
        if threads > limits::BLOCK_THREADS {
            return error(format!("{threads} threads a block, at most {} are allowed", limits::BLOCK_THREADS));
        }
        if let Some(most) = self.info.threads_max
            && (threads > product(most) || (self.threads_required && block != most))
        {
            return error(format!("the block is {block:?}, the kernel is compiled for {most:?}"));
        }
        let shared = self.shared_bytes(launch.shared_bytes);
        if shared > limits::SHARED_BYTES {
            return error(format!("{shared} bytes of shared memory, at most {} are allowed", limits::SHARED_BYTES));
        }
        let expected = self.info.params.last().map_or(0, |(offset, size)| offset + size);
        if (launch.params.len() as u64) < expected {
            return error(format!("{} bytes of parameters, the kernel has {expected}", launch.params.len()));
        }
        Ok(())
    }

    /// Static shared memory, and dynamic memory behind it.
    pub(crate) fn shared_bytes(&self, dynamic: u32) -> u64 {
        let fixed = u64::from(self.program.shared_bytes);
        let start = fixed.next_multiple_of(u64::from(self.program.dynamic_align));
        if dynamic == 0 { fixed } else { start.saturating_add(dynamic.into()) }
    }
}

fn info(module: &ast::Module, function: &Function, program: &Program) -> KernelInfo {
    let variable = |place: &Place| match place {
        Place::Variable(index) => Some(&function.variables[*index as usize]),
        Place::Register(_) => None,
    };
    let mut end = 0;
    let mut params = Vec::new();
    for variable in function.params.iter().filter_map(variable) {
        let start = u64::next_multiple_of(end, u64::from(variable.align.max(1)));
        params.push((start, variable.bytes));
        end = start + variable.bytes;
    }
    let constants = module.variables.iter().filter(|variable| variable.space == Space::Const);
    KernelInfo {
        params,
        shared_bytes: u64::from(program.shared_bytes),
        local_bytes: u64::from(program.local_bytes),
        const_bytes: constants.map(|variable| variable.bytes).sum(),
        registers: program.registers,
        threads_max: function.threads_max,
        ptx_version: 10 * module.version.0 + module.version.1,
        target: module.target,
    }
}
