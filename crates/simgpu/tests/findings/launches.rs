//! Launches: sizes, what ends one, clocks, where dynamic shared memory begins.

use simgpu::{Error, FindingKind, Gpu, Launch, Settings};

use crate::{kernel, run_with};

#[test]
fn sizes_beyond_every_gpu_are_refused() {
    let gpu = Gpu::new(Settings::default());
    let module = gpu.load(&kernel("")).expect("PTX");
    let params = [0; 8];
    let most = u32::MAX;
    for (grid, block, shared_bytes) in [
        ([0, 1, 1], [1, 1, 1], 0),
        ([1, 1, 1], [1, 0, 1], 0),
        ([most; 3], [1, 1, 1], 0),
        ([most, 1, 1], [1, 1, 1], 0),
        ([1, 65_536, 1], [1, 1, 1], 0),
        ([1, 1, 1], [most; 3], 0),
        ([1, 1, 1], [1 << 31, 2, 1], 0),
        ([1, 1, 1], [1 << 22, 1 << 22, 1 << 20], 0),
        ([1, 1, 1], [1, 1, 65], 0),
        ([1, 1, 1], [1025, 1, 1], 0),
        ([1, 1, 1], [32, 33, 1], 0),
        ([1, 1, 1], [1, 1, 1], most),
    ] {
        match gpu.launch(&module, "k", &Launch { grid, block, shared_bytes, params: &params }) {
            Err(Error::Launch { kernel, message }) => assert!(kernel == "k" && !message.is_empty()),
            other => panic!("{grid:?}, {block:?}, {shared_bytes}: {other:?}"),
        }
    }
    let launch = Launch { grid: [1, 1, 1], block: [1, 1, 1], shared_bytes: 0, params: &params[..7] };
    assert!(matches!(gpu.launch(&module, "k", &launch), Err(Error::Launch { .. })));
}

#[test]
fn the_first_block_that_ends_a_launch_is_the_one_reported() {
    // Blocks from 5 on end the launch, the later the sooner; every one reads what nobody wrote first.
    let text = "ld.shared.u32 %r2, [s]; setp.lt.u32 %p0, %r1, 5; @%p0 bra $end;
        mov.u32 %r3, 3000; mul.lo.u32 %r4, %r1, 40; sub.u32 %r3, %r3, %r4;
        $loop: sub.u32 %r3, %r3, 1; setp.ne.u32 %p1, %r3, 0; @%p1 bra $loop; trap; $end:";
    let of = |threads| run_with(text, 64, 32, Settings { threads: Some(threads), ..Settings::default() }).0.findings;
    let one = of(1);
    assert_eq!(one.len(), 2, "{one:#?}");
    let trap = one.iter().find(|finding| finding.kind == FindingKind::Trap).expect("a trap");
    assert_eq!((trap.block, trap.count), ([5, 0, 0], 1));
    let read = one.iter().find(|finding| finding.kind == FindingKind::UninitializedShared).expect("a read");
    assert_eq!((read.block, read.count), ([0, 0, 0], 6 * 32));
    for threads in [2, 3, 8] {
        for _ in 0..5 {
            assert_eq!(of(threads), one, "{threads} threads");
        }
    }
}

#[test]
fn clocks_rise_from_reading_to_reading() {
    let text = "mov.u32 %r2, %clock; mov.u32 %r3, %clock; mov.u64 %a3, %clock64; add.u32 %r4, %r2, 1; mov.u64 %a4, %globaltimer;
        mov.u32 %r5, 0; $loop: add.u32 %r5, %r5, 1; setp.lt.u32 %p0, %r5, 10; @%p0 bra $loop; mov.u32 %r6, %clock; mov.u32 %r7, %clock_hi;
        sub.u32 %r3, %r3, %r2; st.global.u32 [%a0], %r3; cvt.u32.u64 %r8, %a3; sub.u32 %r8, %r8, %r2; st.global.u32 [%a0+4], %r8;
        cvt.u32.u64 %r9, %a4; sub.u32 %r9, %r9, %r2; st.global.u32 [%a0+8], %r9; sub.u32 %r6, %r6, %r2; st.global.u32 [%a0+12], %r6;
        st.global.u32 [%a0+16], %r7; mov.u32 %r10, %nsmid; st.global.u32 [%a0+20], %r10;";
    let (report, words) = run_with(text, 1, 1, Settings::default());
    assert_eq!(report.findings, []);
    // Instructions between the readings; the loop is ten times three.
    assert_eq!(words[..6], [1, 2, 4, 4 + 1 + 30 + 1, 0, 1]);
    // Who waits by the clock waits to an end.
    let wait = "mov.u64 %a2, %clock64; $spin: mov.u64 %a3, %clock64; sub.u64 %a3, %a3, %a2; setp.lt.u64 %p0, %a3, 5000; @%p0 bra $spin;";
    assert_eq!(run_with(wait, 2, 96, Settings::default()).0.findings, []);
}

#[test]
fn dynamic_shared_memory_begins_where_its_declaration_says() {
    for (align, start) in [(1, 32), (16, 32), (128, 128), (1024, 1024)] {
        let text = kernel(
            ".shared .align 1 .b8 t[20]; mov.u32 %r2, s; mov.u32 %r3, dyn; st.global.u32 [%a0], %r3; mov.u32 %r4, t; st.global.u32 [%a0+4], %r4;
             st.shared.u8 [dyn+99], %r2; st.shared.u8 [t], %r2;",
        );
        let text = text
            .replace("s[4096]", "s[4]")
            .replace(".visible", &format!(".extern .shared .align {align} .b8 dyn[];\n.visible"));
        let gpu = Gpu::new(Settings::default());
        let module = gpu.load(&text).expect("PTX");
        let buffer = gpu.allocate(64).expect("memory");
        let mut launch = Launch { grid: [1, 1, 1], block: [1, 1, 1], shared_bytes: 100, params: &buffer.to_le_bytes() };
        let report = gpu.launch(&module, "k", &launch).expect("a launch");
        assert_eq!(report.findings, []);
        assert_eq!(report.shared_bytes, start + 100);
        let mut at = [0; 4];
        gpu.read(buffer, &mut at).expect("a range");
        assert_eq!(u64::from(u32::from_le_bytes(at)), start, "align {align}");
        launch.shared_bytes = 99;
        let findings = gpu.launch(&module, "k", &launch).expect("a launch").findings;
        assert_eq!(findings[0].kind, FindingKind::OutOfBounds);
    }
}
