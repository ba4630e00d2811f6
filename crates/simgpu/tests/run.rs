//! Small kernels from beginning to end.

use simgpu::{Checks, FindingKind, Gpu, Launch, Settings};

const ADD: &str = "
.version 8.0
.target sm_80
.address_size 64
.visible .entry add(.param .u64 a, .param .u64 b, .param .u64 c, .param .u32 n)
{
    .reg .pred %p<2>;
    .reg .b32 %r<6>;
    .reg .f32 %f<4>;
    .reg .b64 %rd<11>;
    ld.param.u64 %rd1, [a];
    ld.param.u64 %rd2, [b];
    ld.param.u64 %rd3, [c];
    ld.param.u32 %r2, [n];
    mov.u32 %r3, %ctaid.x;
    mov.u32 %r4, %ntid.x;
    mov.u32 %r5, %tid.x;
    mad.lo.s32 %r1, %r3, %r4, %r5;
    setp.ge.s32 %p1, %r1, %r2;
    @%p1 bra $done;
    cvta.to.global.u64 %rd4, %rd1;
    mul.wide.s32 %rd5, %r1, 4;
    add.s64 %rd6, %rd4, %rd5;
    cvta.to.global.u64 %rd7, %rd2;
    add.s64 %rd8, %rd7, %rd5;
    ld.global.f32 %f1, [%rd8];
    ld.global.f32 %f2, [%rd6];
    add.f32 %f3, %f2, %f1;
    cvta.to.global.u64 %rd9, %rd3;
    add.s64 %rd10, %rd9, %rd5;
    st.global.f32 [%rd10], %f3;
$done:
    ret;
}
";

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn adds_vectors_of_any_length() {
    let gpu = Gpu::new(Settings::default());
    let module = gpu.load(ADD).expect("PTX");
    for n in [1usize, 31, 32, 33, 1000] {
        let a: Vec<f32> = (0..n).map(|i| i as f32).collect();
        let b: Vec<f32> = (0..n).map(|i| 2.0 * i as f32 + 1.0).collect();
        let size = 4 * n as u64;
        let [at_a, at_b, at_c] = [0; 3].map(|_: i32| gpu.allocate(size).expect("memory"));
        gpu.write(at_a, &bytes(&a)).expect("a range");
        gpu.write(at_b, &bytes(&b)).expect("a range");
        let mut params: Vec<u8> = [at_a, at_b, at_c].iter().flat_map(|address| address.to_le_bytes()).collect();
        params.extend((n as u32).to_le_bytes());
        let launch =
            Launch { grid: [n.div_ceil(128) as u32, 1, 1], block: [128, 1, 1], shared_bytes: 0, params: &params };
        let report = gpu.launch(&module, "add", &launch).expect("a launch");
        assert_eq!(report.findings, []);
        assert_eq!(report.counters.flops_f32, n as u64);
        assert_eq!(report.counters.global_loads.bytes, 2 * size);
        let mut c = vec![0; 4 * n];
        gpu.read(at_c, &mut c).expect("a range");
        assert_eq!(c, bytes(&a.iter().zip(&b).map(|(x, y)| x + y).collect::<Vec<_>>()));
        // One element too few: what is beyond is noticed, and nothing else is touched.
        gpu.free(at_c).expect("an allocation");
        let report = gpu.launch(&module, "add", &launch).expect("a launch");
        assert_eq!(report.findings[0].kind, FindingKind::UseAfterFree);
        assert_eq!(report.findings[0].count, n as u64);
    }
    let _ = Checks::ALL;
}
