//! [`AttentionBackend`]: slices to the GPU, and results back.

use gpu_device::Buffer;

use super::sizes::Sizes;
use super::{Cuda, SavedOnDevice};
use crate::{Attention, AttentionBackend, Error, Saved};

impl AttentionBackend for Cuda {
    fn forward(
        &self,
        problem: &Attention,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        out: &mut [f32],
        log_sum_exp: &mut [f32],
    ) -> Result<(), Error> {
        problem.check_forward(q, k, v, out, log_sum_exp)?;
        let packed = packed(problem);
        Sizes::new(&packed)?;
        let [k, v] = [self.upload_rows_in_use(problem, k)?, self.upload_rows_in_use(problem, v)?];
        let q = self.device.upload(q)?;
        let (mut on_out, mut on_lse) =
            (self.device.uninitialised(out.len())?, self.device.uninitialised(log_sum_exp.len())?);
        self.forward_on_device(&packed, &q, &k, &v, &mut on_out, &mut on_lse)?;
        let arrived = (on_out.to_vec()?, on_lse.to_vec()?);
        out.copy_from_slice(&arrived.0);
        log_sum_exp.copy_from_slice(&arrived.1);
        Ok(())
    }

    fn backward(
        &self,
        problem: &Attention,
        forward: Saved<'_>,
        d_out: &[f32],
        d_q: &mut [f32],
        d_k: &mut [f32],
        d_v: &mut [f32],
    ) -> Result<(), Error> {
        problem.check_backward(&forward, d_out, d_q, d_k, d_v)?;
        let (packed, device) = (packed(problem), &self.device);
        Sizes::new(&packed)?.variant()?;
        let [k, v] = [self.upload_rows_in_use(problem, forward.k)?, self.upload_rows_in_use(problem, forward.v)?];
        let (q, out) = (device.upload(forward.q)?, device.upload(forward.out)?);
        let (log_sum_exp, on_d_out) = (device.upload(forward.log_sum_exp)?, device.upload(d_out)?);
        let saved = SavedOnDevice { q: &q, k: &k, v: &v, out: &out, log_sum_exp: &log_sum_exp };
        let mut on_d_q = device.uninitialised(d_q.len())?;
        let (mut on_d_k, mut on_d_v) = (device.uninitialised(k.len())?, device.uninitialised(v.len())?);
        self.backward_on_device(&packed, saved, &on_d_out, &mut on_d_q, &mut on_d_k, &mut on_d_v)?;
        let arrived = (on_d_q.to_vec()?, on_d_k.to_vec()?, on_d_v.to_vec()?);
        d_q.copy_from_slice(&arrived.0);
        spread_rows_in_use(problem, &arrived.1, d_k);
        spread_rows_in_use(problem, &arrived.2, d_v);
        Ok(())
    }
}

/// The problem as it lies on the GPU: without rows that are not in use.
fn packed(problem: &Attention) -> Attention {
    Attention { key_capacity: None, ..*problem }
}

/// Elements of a head's rows: allocated, and in use.
fn row_lens(problem: &Attention) -> (usize, usize) {
    (problem.key_rows() * problem.head_dim, problem.keys * problem.head_dim)
}

impl Cuda {
    /// Of each head the first `keys` rows, head by head, without a copy in the host's memory.
    fn upload_rows_in_use(&self, problem: &Attention, numbers: &[f32]) -> Result<Buffer<f32>, Error> {
        let (allocated, used) = row_lens(problem);
        if allocated == used {
            return Ok(self.device.upload(numbers)?);
        }
        let mut buffer = self.device.uninitialised(problem.batch * problem.kv_heads * used)?;
        for (index, head) in numbers.chunks_exact(allocated).enumerate() {
            buffer.write(index * used, &head[..used])?;
        }
        Ok(buffer)
    }
}

/// The other way round; rows that are not in use become 0.
fn spread_rows_in_use(problem: &Attention, packed: &[f32], to: &mut [f32]) {
    let (allocated, used) = row_lens(problem);
    for (index, head) in to.chunks_exact_mut(allocated.max(1)).enumerate() {
        let (in_use, rest) = head.split_at_mut(used);
        in_use.copy_from_slice(&packed[index * used..][..used]);
        rest.fill(0.0);
    }
}
