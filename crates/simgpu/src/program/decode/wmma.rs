//! `wmma`: tensor cores with fragments of whose layout the manual says nothing ("Matrix multiply-accumulate operation using
//! wmma instructions"). Here element `e` of a tile, counted row
//! by row, is element `e / 32` of lane `e % 32`. A load or a store is then what each lane does for each of its elements, with
//! all that is checked and counted of ordinary ones.

use super::super::{AtomicKind, MatrixFormat, MemoryOp, NO_SLOT, Slot, WmmaOp, Work};
use super::data::{Where, take_space};
use super::matrices::{dimensions, fits, format};
use super::{Decoder, Words, is_wide};
use crate::error::Error;
use crate::lanes::{convert, integer, parts};
use crate::machine;
use crate::ptx::ast::{Space, Type};

// Temporaries of the expansion, beyond those of other instructions.
const ROW: u8 = 9;
const COLUMN: u8 = 10;
const PITCH: u8 = 11;
const ADDRESS: u8 = 12;
const STEP: u8 = 13;
const PART: u8 = 14;
const WORD: u8 = 15;
const OFFSET: u8 = 16;

/// The most registers of a fragment.
const REGISTERS: usize = 8;

/// A tile in memory.
#[derive(Debug, Clone, Copy)]
struct Tile {
    rows: usize,
    columns: usize,
    /// Bytes an element.
    bytes: u32,
    /// Neighbours in a row are neighbours in memory.
    by_rows: bool,
}

impl Tile {
    /// Elements of a lane.
    fn of_lane(self) -> usize {
        self.rows * self.columns / 32
    }
}

/// Shapes with more than one format, and what each format has.
fn is_known([m, n, k]: [usize; 3], of_ab: &str) -> bool {
    match of_ab {
        "f16" | "bf16" | "s8" | "u8" => matches!([m, n, k], [16, 16, 16] | [32, 8, 16] | [8, 32, 16]),
        "tf32" => [m, n, k] == [16, 16, 8],
        "f64" => [m, n, k] == [8, 8, 4],
        _ => false,
    }
}

impl Decoder<'_> {
    pub(super) fn wmma(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        if self.at.guard.is_some() {
            return Err(words.unsupported());
        }
        self.waits_for.lanes = u32::MAX;
        match words.take_any(&["load", "store", "mma"]) {
            Some("load") => self.wmma_memory(words, 0, 1),
            Some("store") => self.wmma_memory(words, 1, 0),
            Some(_) => self.wmma_multiply(words),
            None => Err(words.unsupported()),
        }
    }

    /// `wmma.load.{a,b,c}.sync.aligned.layout.shape[.space].type r, [p][, stride]`, `wmma.store.d…type [p], r[, stride]`.
    fn wmma_memory(&mut self, words: &mut Words<'_>, data: usize, address: usize) -> Result<(), Error> {
        let matrix = words.take_any(&["a", "b", "c", "d"]);
        let plain = words.take("sync") & words.take("aligned");
        let layout = words.take_any(&["row", "col"]);
        let shape = words.take_if(|word| dimensions(word).is_some()).and_then(dimensions);
        let place = take_space(words).unwrap_or(Where::Generic);
        let of_element = words.next().unwrap_or_default();
        let store = data == 1;
        let (true, Some(matrix), Some(layout), Some([m, n, k])) = (plain, matrix, layout, shape) else {
            return Err(words.unsupported());
        };
        let sums = matrix == "c" || matrix == "d";
        let known = if sums {
            ["f16", "f32", "s32", "f64"].contains(&of_element)
                && ["f16", "tf32", "f64"].iter().any(|of_ab| is_known([m, n, k], of_ab))
        } else {
            is_known([m, n, k], of_element)
        };
        if !known
            || store != (matrix == "d")
            || !matches!(place, Where::Generic | Where::Space(Space::Global | Space::Shared))
        {
            return Err(words.unsupported());
        }
        let (rows, columns) = match matrix {
            "a" => (m, k),
            "b" => (k, n),
            _ => (m, n),
        };
        let bytes = match of_element {
            "f16" | "bf16" => 2,
            "s8" | "u8" => 1,
            "f64" => 8,
            _ => 4,
        };
        let tile = Tile { rows, columns, bytes, by_rows: layout == "row" };
        let registers = self.wmma_fragment(data, tile, of_element == "f16" && !sums)?;
        let (first, step) = self.wmma_addresses(tile, address)?;
        self.note_granule(place, bytes);
        let whole = |bytes: u32| if bytes == 8 { Type::U64 } else { Type::U32 };
        let parts = (4 / bytes).max(1) as usize;
        for element in 0..tile.of_lane() {
            let (register, part) = (registers[element / parts], element % parts);
            let target = if parts == 1 { register } else { self.temporary(PART, false) };
            let shift = self.constant(8 * bytes * part as u32);
            if store && parts > 1 {
                self.lanes(
                    parts::part(false, if bytes == 2 { Type::B16 } else { Type::B8 }),
                    target,
                    &[register, shift],
                )?;
            }
            let run = if store { self.store_of(place) } else { self.load_of(place) };
            self.memory_op(
                run.ok_or_else(|| words.unsupported())?,
                MemoryOp {
                    address: first,
                    address_wide: true,
                    offset: 0,
                    bytes: bytes as u8,
                    count: 1,
                    signed: false,
                    wide: is_wide(whole(bytes)),
                    data: [target, NO_SLOT, NO_SLOT, NO_SLOT],
                    atomic: AtomicKind::None,
                    strong: false,
                    position: (self.program.positions.len() - 1) as u32,
                },
            );
            if !store && parts > 1 {
                let word = self.temporary(WORD, false);
                let kind = if bytes == 2 { Type::B16 } else { Type::B8 };
                self.lanes(parts::join(false, kind, part == 0), word, &[target, shift, word])?;
                if part == parts - 1 {
                    self.lanes(Some(integer::mov(false)), register, &[word])?;
                }
            }
            self.lanes(integer::add(Type::U64), first, &[first, step])?;
        }
        // Halves have twice as many registers as elements, in some shapes more: the rest repeats what is there.
        let used = tile.of_lane().div_ceil(parts);
        for extra in (used..REGISTERS).filter(|&extra| !store && registers[extra] != NO_SLOT) {
            self.lanes(Some(integer::mov(false)), registers[extra], &[registers[extra % used]])?;
        }
        Ok(())
    }

    /// The registers of a fragment; `all`: eight of them, whatever the shape.
    fn wmma_fragment(&mut self, index: usize, tile: Tile, all: bool) -> Result<[Slot; REGISTERS], Error> {
        let parts = (4 / tile.bytes).max(1) as usize;
        let count = if all { REGISTERS } else { tile.of_lane().div_ceil(parts) };
        self.fragment(index, count, if tile.bytes == 8 { Type::F64 } else { Type::B32 })
    }

    /// Where the lane's first element is, and how far it is to the next.
    fn wmma_addresses(&mut self, tile: Tile, index: usize) -> Result<(Slot, Slot), Error> {
        let operand = self.operand(index)?;
        let (base, wide, offset) = self.address(operand)?;
        let pitch = match self.at.operands.get(2) {
            Some(_) => {
                let operand = self.operand(2)?;
                self.source(operand, Type::U32)?
            }
            None => self.constant(if tile.by_rows { tile.columns } else { tile.rows } as u32),
        };
        let lane = self.special("laneid", Type::U32)?;
        let (row, column) = (self.temporary(ROW, false), self.temporary(COLUMN, false));
        let (shift, mask) = (self.constant(tile.columns.trailing_zeros()), self.constant(tile.columns as u32 - 1));
        self.lanes(crate::lanes::bits::shr(Type::U32), row, &[lane, shift])?;
        self.lanes(crate::lanes::bits::and(Type::B32), column, &[lane, mask])?;
        // Bytes from one row or column to the next, and between neighbours in it.
        let (bytes, pitch_bytes) = (self.constant(tile.bytes), self.temporary(PITCH, false));
        self.lanes(integer::mul_lo(Type::U32), pitch_bytes, &[pitch, bytes])?;
        let (by_row, by_column) = if tile.by_rows { (pitch_bytes, bytes) } else { (bytes, pitch_bytes) };
        let (address, start) = (self.temporary(ADDRESS, true), self.temporary(OFFSET, true));
        let offset = self.wide_constant(offset as u64);
        if wide {
            self.lanes(integer::add(Type::U64), start, &[base, offset])?;
        } else {
            let extended = convert::convert(Type::U64, Type::U32, convert::Mode::Exact, false, false, false);
            self.lanes(extended, address, &[base])?;
            self.lanes(integer::add(Type::U64), start, &[address, offset])?;
        }
        self.lanes(integer::mad_wide(Type::U32), address, &[row, by_row, start])?;
        self.lanes(integer::mad_wide(Type::U32), start, &[column, by_column, address])?;
        let (step, rows) = (self.temporary(STEP, true), self.constant(32 / tile.columns as u32));
        self.lanes(integer::mul_wide(Type::U32), step, &[by_row, rows])?;
        Ok((start, step))
    }

    /// `wmma.mma.sync.aligned.alayout.blayout.shape…[.satfinite] d, a, b, c`; of halves the types of A and B are not written.
    fn wmma_multiply(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let plain = words.take("sync") & words.take("aligned");
        let layouts = words.take_any(&["row", "col"]).is_some() & words.take_any(&["row", "col"]).is_some();
        let shape = words.take_if(|word| dimensions(word).is_some()).and_then(dimensions);
        let saturates = words.take("satfinite");
        // The one rounding of double precision that is supported.
        words.take("rn");
        let types: Vec<&str> = std::iter::from_fn(|| words.next()).collect();
        let unsupported = || Err(Words::new(self.at).unsupported());
        let (d, of_a, of_b, c) = match types.as_slice() {
            [d, c] => (*d, "f16", "f16", *c),
            [d, a, b, c] => (*d, *a, *b, *c),
            _ => return unsupported(),
        };
        let (Some(shape @ [m, n, k]), Some(a), Some(b)) = (shape, format(of_a), format(of_b)) else {
            return unsupported();
        };
        let halves = a == MatrixFormat::Half;
        let formats = fits(d, a, b, saturates) && (d == c || halves && fits(c, a, b, saturates)) && a == b;
        if !plain || !layouts || !formats || !is_known(shape, of_a) || types.len() == 4 && halves {
            return unsupported();
        }
        let bytes = |format: &str| {
            if format == "f16" {
                2
            } else if format == "f64" {
                8
            } else {
                4
            }
        };
        let element = if a == MatrixFormat::Double { 8 } else { 4 / a.elements() as u32 };
        let tile = |rows, columns, bytes| Tile { rows, columns, bytes, by_rows: true };
        let op = WmmaOp {
            shape,
            format: a,
            narrow_d: d == "f16",
            narrow_c: c == "f16",
            saturates,
            d: self.wmma_fragment(0, tile(m, n, bytes(d)), false)?,
            a: self.wmma_fragment(1, tile(m, k, element), halves)?,
            b: self.wmma_fragment(2, tile(k, n, element), halves)?,
            c: self.wmma_fragment(3, tile(m, n, bytes(c)), false)?,
        };
        let index = self.program.fragments.len() as u64;
        self.program.fragments.push(op);
        let work = Work { tensor: (2 * m * n * k) as u16, ..Work::default() };
        self.push(machine::multiply_fragments, NO_SLOT, &[], index, work, 1);
        Ok(())
    }
}
