//! Operands: registers, constants, special registers, addresses of variables.

use super::super::{ClockOp, Slot, SpecialValue};
use super::{Decoder, is_wide};
use crate::error::Error;
use crate::machine::{self, LOCAL_WINDOW};
use crate::ptx::ast::{Operand, RegisterId, Space, Type};

impl<'a> Decoder<'a> {
    pub(super) fn register_type(&self, register: RegisterId) -> Type {
        self.flat.registers[register as usize]
    }

    pub(super) fn register(&self, register: RegisterId) -> Slot {
        self.slot_of[register as usize]
    }

    /// A slot that holds a value between the operations of one instruction.
    pub(super) fn temporary(&mut self, number: u8, wide: bool) -> Slot {
        match self.temporaries.get(&(number, wide)) {
            Some(&slot) => slot,
            None => {
                let slot = self.new_slot(wide);
                self.temporaries.insert((number, wide), slot);
                slot
            }
        }
    }

    pub(super) fn constant(&mut self, value: u32) -> Slot {
        match self.constants.get(&value) {
            Some(&slot) => slot,
            None => {
                let slot = self.new_slot(false);
                self.constants.insert(value, slot);
                slot
            }
        }
    }

    pub(super) fn wide_constant(&mut self, value: u64) -> Slot {
        match self.wide_constants.get(&value) {
            Some(&slot) => slot,
            None => {
                let slot = self.new_slot(true);
                self.wide_constants.insert(value, slot);
                slot
            }
        }
    }

    /// A number as a register of a type.
    pub(super) fn number(&mut self, value: u64, ty: Type) -> Slot {
        if is_wide(ty) {
            return self.wide_constant(value);
        }
        let bits = match ty {
            Type::Pred => 0u32.wrapping_sub(u32::from(value != 0)),
            _ if ty.bytes() == 4 => value as u32,
            _ => value as u32 & (u32::MAX >> (32 - 8 * ty.bytes())),
        };
        self.constant(bits)
    }

    /// The slot of a destination register. The bit bucket has none.
    pub(super) fn target(&mut self, operand: &Operand, ty: Type) -> Result<Slot, Error> {
        match operand {
            Operand::Register(register) => {
                self.fits(*register, ty, false)?;
                Ok(self.register(*register))
            }
            Operand::Sink => Ok(self.temporary(7, is_wide(ty))),
            other => Err(self.error(format!("a register was expected, not {other:?}"))),
        }
    }

    /// A register must be as wide as the type that an instruction gives it; where `wider` says so, it may be wider (the
    /// manual, 9.4.1: `cvt`, `ld`, `st`). Any kind of number will do.
    pub(super) fn fits(&self, register: RegisterId, ty: Type, wider: bool) -> Result<(), Error> {
        let has = self.register_type(register);
        let same_kind = (has == Type::Pred) == (ty == Type::Pred);
        if same_kind && (has.bytes() == ty.bytes() || wider && has.bytes() > ty.bytes()) {
            return Ok(());
        }
        Err(self.error(format!("{}: a register of type {has:?} where {ty:?} was expected", self.at.opcode.join("."))))
    }

    /// The slot of a source operand of a type, which may stand in a wider register: its low bits.
    pub(super) fn wider_source(&mut self, operand: &Operand, ty: Type) -> Result<Slot, Error> {
        let Operand::Register(register) = operand else { return self.source(operand, ty) };
        self.fits(*register, ty, true)?;
        let slot = self.register(*register);
        if !is_wide(self.register_type(*register)) || is_wide(ty) {
            return Ok(slot);
        }
        let cut = self.temporary(5, false);
        self.lanes(Some(crate::lanes::parts::cut()), cut, &[slot])?;
        Ok(cut)
    }

    /// The slot of a source operand of a type.
    pub(super) fn source(&mut self, operand: &Operand, ty: Type) -> Result<Slot, Error> {
        match operand {
            Operand::Register(register) => {
                self.fits(*register, ty, false)?;
                Ok(self.register(*register))
            }
            Operand::NotRegister(register) if ty == Type::Pred => {
                let (slot, not) = (self.register(*register), self.temporary(6, false));
                self.lanes(crate::lanes::bits::not(Type::Pred), not, &[slot])?;
                Ok(not)
            }
            Operand::Integer(value) => Ok(match ty {
                Type::F32 => self.constant((*value as i64 as f32).to_bits()),
                Type::F64 => self.wide_constant((*value as i64 as f64).to_bits()),
                _ => self.number(*value, ty),
            }),
            Operand::Single(bits) => Ok(match ty {
                Type::F64 => self.wide_constant(f64::from(f32::from_bits(*bits)).to_bits()),
                _ => self.number(u64::from(*bits), ty),
            }),
            Operand::Double(bits) => Ok(match ty {
                Type::F32 => self.constant((f64::from_bits(*bits) as f32).to_bits()),
                _ => self.number(*bits, ty),
            }),
            Operand::Special(name) => self.special(name, ty),
            Operand::Variable(variable, offset) => {
                let (space, address) = self.places.of(self.flat, *variable);
                // A parameter's address names the window, so that it is not taken for one of local memory, where the
                // parameters of device functions are.
                let address = if space == Space::Param { Self::window(space) + address } else { address };
                Ok(self.number(address.wrapping_add(*offset as u64), ty))
            }
            other => Err(self.error(format!("a value of type {ty:?} was expected, not {other:?}"))),
        }
    }

    pub(super) fn special(&mut self, name: &str, ty: Type) -> Result<Slot, Error> {
        let axis = |name: &str| match name.as_bytes().last() {
            Some(b'x') => 0,
            Some(b'y') => 1,
            _ => 2,
        };
        let value = match name {
            "tid.x" | "tid.y" | "tid.z" => SpecialValue::Thread(axis(name)),
            "ntid.x" | "ntid.y" | "ntid.z" => SpecialValue::BlockSize(axis(name)),
            "ctaid.x" | "ctaid.y" | "ctaid.z" => SpecialValue::Block(axis(name)),
            "nctaid.x" | "nctaid.y" | "nctaid.z" => SpecialValue::Grid(axis(name)),
            "laneid" => SpecialValue::Lane,
            "warpid" => SpecialValue::Warp,
            "nwarpid" => SpecialValue::Warps,
            "lanemask_lt" => SpecialValue::LanesBelow,
            "lanemask_le" => SpecialValue::LanesUpTo,
            "lanemask_eq" => SpecialValue::LaneBit,
            "lanemask_ge" => SpecialValue::LanesFrom,
            "lanemask_gt" => SpecialValue::LanesAbove,
            "dynamic_smem_size" => SpecialValue::DynamicShared,
            "total_smem_size" => SpecialValue::TotalShared,
            // Shared memory that the system keeps for itself: none, behind all the rest.
            _ if name.starts_with("reserved_smem_offset_") => SpecialValue::TotalShared,
            "smid" | "gridid" | "clusterid.x" | "cluster_ctaid.x" => SpecialValue::Zero,
            "clock" | "clock64" | "globaltimer" | "globaltimer_lo" => return Ok(self.clock(ty, false)),
            "clock_hi" | "globaltimer_hi" => return Ok(self.clock(ty, true)),
            "nsmid" => return Ok(self.number(1, ty)),
            "WARP_SZ" => return Ok(self.number(32, ty)),
            _ => return Err(Error::Unsupported { line: self.at.line, what: format!("%{name}") }),
        };
        let wide = is_wide(ty);
        if let Some(&slot) = self.specials.get(&(value, wide)) {
            return Ok(slot);
        }
        let slot = self.new_slot(wide);
        self.specials.insert((value, wide), slot);
        Ok(slot)
    }

    /// A clock, read now.
    fn clock(&mut self, ty: Type, upper: bool) -> Slot {
        let wide = is_wide(ty);
        let target = self.temporary(8, wide);
        let op = ClockOp { still_to_come: self.still_to_come, upper, wide };
        self.emit(machine::read_clock, target, &[], op.index());
        target
    }

    /// The slot of the operand that names the lanes which take part: the basic block waits for them.
    pub(super) fn members(&mut self, index: usize) -> Result<Slot, Error> {
        let operand = self.operand(index)?;
        let slot = self.source(operand, Type::B32)?;
        match operand {
            Operand::Integer(lanes) => self.waits_for.lanes |= *lanes as u32,
            _ => self.waits_for.register = slot,
        }
        Ok(slot)
    }

    /// The base of a space in generic addresses.
    pub(super) fn window(space: Space) -> u64 {
        match space {
            Space::Shared => crate::machine::SHARED_WINDOW,
            Space::Local => LOCAL_WINDOW,
            Space::Param => crate::machine::PARAM_WINDOW,
            Space::Global | Space::Const => 0,
        }
    }
}
