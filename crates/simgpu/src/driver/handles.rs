//! Handles are ids in tables: a stale or invented one is found out, never followed.

use super::raw::RawHandle;

/// What a handle names. It is part of the id, so that a stream is never taken for an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Context = 1,
    Module = 2,
    Function = 3,
    Stream = 4,
    Event = 5,
    Linker = 6,
}

/// An id: the kind in bits 56–63, the slot's generation in bits 24–55, the slot plus one in bits 0–23. Never null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Handle(u64);

/// Objects of one kind alive at once.
const SLOTS: usize = (1 << 24) - 2;

impl Handle {
    /// As the C side sees it.
    pub(super) fn raw(self) -> RawHandle {
        std::ptr::without_provenance_mut(self.0 as usize)
    }

    /// What the C side passed; it may name nothing.
    pub(super) fn from_raw(raw: RawHandle) -> Handle {
        Handle(raw.addr() as u64)
    }
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// Objects by handle.
#[derive(Debug)]
pub(super) struct Table<T> {
    kind: Kind,
    slots: Vec<Slot<T>>,
    free: Vec<usize>,
}

impl<T> Table<T> {
    pub(super) fn new(kind: Kind) -> Table<T> {
        Table { kind, slots: Vec::new(), free: Vec::new() }
    }

    /// Takes a value in; `None` when there are too many.
    pub(super) fn insert(&mut self, value: T) -> Option<Handle> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.slots.len() < SLOTS => {
                self.slots.push(Slot { generation: 0, value: None });
                self.slots.len() - 1
            }
            None => return None,
        };
        self.slots[slot].value = Some(value);
        Some(self.handle(slot))
    }

    pub(super) fn get(&self, handle: Handle) -> Option<&T> {
        self.slots[self.slot(handle)?].value.as_ref()
    }

    pub(super) fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        let slot = self.slot(handle)?;
        self.slots[slot].value.as_mut()
    }

    /// Takes a value out; its handle names nothing from then on.
    pub(super) fn remove(&mut self, handle: Handle) -> Option<T> {
        let slot = self.slot(handle)?;
        let value = self.slots[slot].value.take()?;
        self.slots[slot].generation = self.slots[slot].generation.wrapping_add(1);
        self.free.push(slot);
        Some(value)
    }

    /// Takes out the values for which `condition` holds.
    pub(super) fn remove_if(&mut self, condition: impl Fn(&T) -> bool) {
        for slot in 0..self.slots.len() {
            if self.slots[slot].value.as_ref().is_some_and(&condition) {
                self.remove(self.handle(slot));
            }
        }
    }

    fn handle(&self, slot: usize) -> Handle {
        let generation = u64::from(self.slots[slot].generation);
        Handle(u64::from(self.kind as u8) << 56 | generation << 24 | (slot as u64 + 1))
    }

    /// The slot of a handle of this table that is alive.
    fn slot(&self, handle: Handle) -> Option<usize> {
        let slot = ((handle.0 & 0xff_ffff) as usize).checked_sub(1)?;
        (slot < self.slots.len() && self.handle(slot) == handle).then_some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_names_one_object_only() {
        let mut streams = Table::new(Kind::Stream);
        let first = streams.insert("first").expect("room");
        assert_eq!(streams.get(first), Some(&"first"));
        assert_eq!(streams.remove(first), Some("first"));
        let second = streams.insert("second").expect("room");
        assert_ne!(first, second, "the slot is the same, the generation is not");
        assert_eq!(streams.get(first), None);
        assert_eq!(streams.remove(first), None);
        assert_eq!(streams.get(second), Some(&"second"));
    }

    #[test]
    fn invented_handles_name_nothing() {
        let mut events = Table::new(Kind::Event);
        let mut streams = Table::new(Kind::Stream);
        let event = events.insert(1).expect("room");
        let stream = streams.insert(1).expect("room");
        assert_eq!(events.get(stream), None);
        assert_eq!(streams.get_mut(event), None);
        for raw in [0u64, 1, 2, u64::MAX, 0xdead_beef, event.0 + 1, event.0 | 1 << 24] {
            assert_eq!(events.get(Handle(raw)), None, "{raw:#x}");
        }
        assert_eq!(Handle::from_raw(event.raw()), event);
    }

    #[test]
    fn removing_many() {
        let mut table = Table::new(Kind::Module);
        let handles: Vec<Handle> = (0..10).map(|number| table.insert(number).expect("room")).collect();
        table.remove_if(|number| number % 2 == 0);
        let alive: Vec<bool> = handles.iter().map(|&handle| table.get(handle).is_some()).collect();
        assert_eq!(alive, (0..10).map(|number| number % 2 == 1).collect::<Vec<_>>());
    }
}
