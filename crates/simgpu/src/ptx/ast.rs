//! What a PTX file says, with every name resolved: registers, labels and variables are indices.
//!
//! The parser builds this; `program::decode` turns it into what the lanes run. Types and directives are those of the PTX
//! manual, chapters 4 (syntax), 5 (state spaces, types), 10 (special registers) and 11 (directives).

/// A parsed module: one PTX file.
#[derive(Debug, Clone, PartialEq)]
pub struct Module {
    /// `.version 8.0` is `(8, 0)`.
    pub version: (u32, u32),
    /// `.target sm_80` is `80`.
    pub target: u32,
    /// `.file` directives: index and path.
    pub files: Vec<(u32, String)>,
    /// Variables of module scope (`.global`, `.const`, `.shared`), in order.
    pub variables: Vec<Variable>,
    /// Entries and device functions that have a body or are declared, in order.
    pub functions: Vec<Function>,
}

/// `.entry` or `.func`.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// The name, as mangled by whoever compiled it.
    pub name: String,
    /// Whether the host can launch it.
    pub is_entry: bool,
    /// Variables of `.param` space or registers that hold what a device function returns.
    pub returns: Vec<Place>,
    /// Parameters, in order.
    pub params: Vec<Place>,
    /// Everything declared inside, whatever its scope; `.param` space included (its own parameters first).
    pub variables: Vec<Variable>,
    /// Virtual registers, whatever their scope. Of a numbered family (`%f<12>`) only those that are used.
    pub registers: Vec<Register>,
    /// `.reqntid`, else `.maxntid`: threads a block, at most or exactly.
    pub threads_max: Option<[u32; 3]>,
    /// Whether `threads_max` came from `.reqntid`.
    pub threads_required: bool,
    /// The instructions and where labels stand; `None` for a declaration without a body.
    pub body: Option<Body>,
    /// The line of the PTX text that it starts in.
    pub line: u32,
}

/// Where a parameter or a returned value of a `.func` is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// An index into [`Function::registers`].
    Register(RegisterId),
    /// An index into [`Function::variables`].
    Variable(u32),
}

/// The code of a function.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Body {
    /// In the order of the text.
    pub instructions: Vec<Instruction>,
    /// For each label, the index of the instruction that it stands before (the number of instructions when at the end).
    pub labels: Vec<u32>,
}

/// An index into [`Function::registers`].
pub type RegisterId = u32;

/// A virtual register.
#[derive(Debug, Clone, PartialEq)]
pub struct Register {
    /// As written, `%f12`.
    pub name: String,
    /// Its declared type.
    pub ty: Type,
}

/// Fundamental types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Type {
    B8,
    B16,
    B32,
    B64,
    U8,
    U16,
    U32,
    U64,
    S8,
    S16,
    S32,
    S64,
    F16,
    F16x2,
    Bf16,
    Bf16x2,
    F32,
    F64,
    Pred,
}

impl Type {
    /// Bytes in memory; a predicate has none.
    pub fn bytes(self) -> u32 {
        match self {
            Type::Pred => 0,
            Type::B8 | Type::U8 | Type::S8 => 1,
            Type::B16 | Type::U16 | Type::S16 | Type::F16 | Type::Bf16 => 2,
            Type::B32 | Type::U32 | Type::S32 | Type::F32 | Type::F16x2 | Type::Bf16x2 => 4,
            Type::B64 | Type::U64 | Type::S64 | Type::F64 => 8,
        }
    }
}

/// State spaces of variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Space {
    Global,
    Const,
    Shared,
    Local,
    Param,
}

/// A variable in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// As written.
    pub name: String,
    /// Where it lives.
    pub space: Space,
    /// Its element type.
    pub ty: Type,
    /// Bytes; a power of two.
    pub align: u32,
    /// Bytes in all; 0 for `.extern .shared x[]`, whose size the launch gives.
    pub bytes: u64,
    /// `.extern`, without memory of its own in this module.
    pub is_extern: bool,
    /// Initial bytes, shorter than `bytes` where zeros follow.
    pub initial: Vec<u8>,
    /// Addresses of other module variables to write into `initial`: (offset in bytes, index of variable, addend).
    /// `generic(name)` and `name` are the same here.
    pub relocations: Vec<(u64, u32, i64)>,
    /// The line of the PTX text.
    pub line: u32,
}

/// One instruction.
#[derive(Debug, Clone, PartialEq)]
pub struct Instruction {
    /// `@%p1` or `@!%p1`.
    pub guard: Option<Guard>,
    /// The opcode and its modifiers without the dots: `["ld", "global", "nc", "v4", "f32"]`. `shared::cta` is one word.
    pub opcode: Vec<String>,
    /// In the order of the text. A call has its results (a [`Operand::List`], where there are any), the function, and its
    /// arguments (a list, where there are any).
    pub operands: Vec<Operand>,
    /// The line of the PTX text.
    pub line: u32,
    /// The source position of the last `.loc` before it: (file index, line), where `.loc` was inlined from is dropped.
    pub source: Option<(u32, u32)>,
}

/// A guard predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// A register of type `.pred`.
    pub register: RegisterId,
    /// `@!`.
    pub negated: bool,
}

/// An operand.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A register.
    Register(RegisterId),
    /// `!%p1`, as `setp`, `and.pred`-like and `selp` operands may have.
    NotRegister(RegisterId),
    /// The bit bucket `_`.
    Sink,
    /// An integer constant (expressions are evaluated), as 64 bits; negative ones in two's complement.
    Integer(u64),
    /// `0f3F800000`: bits of a single.
    Single(u32),
    /// `0d3FF0000000000000` or a decimal literal: bits of a double.
    Double(u64),
    /// `%tid.x`, `%laneid`, `%clock64` …, with the dot, without the percent sign.
    Special(String),
    /// The address of a variable plus an offset, as in `mov.u64 %rd1, name;` or `[name+4]` (then inside `Address`).
    Variable(VariableRef, i64),
    /// The name of a function (call, or its address).
    Function(u32),
    /// An index into [`Body::labels`].
    Label(u32),
    /// `[register + offset]`, `[variable + offset]` or `[constant]`.
    Address(Base, i64),
    /// `{a, b, c, d}`; the labels of the `.branchtargets` list that `brx.idx` names.
    Vector(Vec<Operand>),
    /// `(a, b)`: arguments or returned values of a call.
    List(Vec<Operand>),
    /// `p|q`: the two destinations of `setp`, `shfl`, `match`.
    Pair(Box<Operand>, Box<Operand>),
}

/// What an address starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// A register.
    Register(RegisterId),
    /// A variable.
    Variable(VariableRef),
    /// Nothing: the offset is the address.
    None,
}

/// A variable of the function or of the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VariableRef {
    /// An index into [`Function::variables`].
    Function(u32),
    /// An index into [`Module::variables`].
    Module(u32),
}
