//! [`RowwiseBackend`]: slices to the GPU, and results back.

use super::Cuda;
use super::sizes::rows_and_columns;
use crate::{Error, Rows, RowwiseBackend, SavedRmsNorm};

impl RowwiseBackend for Cuda {
    fn softmax(&self, shape: Rows, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
        shape.check_softmax(x, out)?;
        rows_and_columns(shape)?;
        let (x, mut on_out) = (self.device.upload(x)?, self.device.uninitialised(out.len())?);
        self.softmax_on_device(shape, &x, &mut on_out)?;
        out.copy_from_slice(&on_out.to_vec()?);
        Ok(())
    }

    fn softmax_backward(&self, shape: Rows, out: &[f32], d_out: &[f32], d_x: &mut [f32]) -> Result<(), Error> {
        shape.check_softmax_backward(out, d_out, d_x)?;
        rows_and_columns(shape)?;
        let (out, d_out) = (self.device.upload(out)?, self.device.upload(d_out)?);
        let mut on_d_x = self.device.uninitialised(d_x.len())?;
        self.softmax_backward_on_device(shape, &out, &d_out, &mut on_d_x)?;
        d_x.copy_from_slice(&on_d_x.to_vec()?);
        Ok(())
    }

    fn rms_norm(
        &self,
        shape: Rows,
        epsilon: f32,
        x: &[f32],
        weight: Option<&[f32]>,
        out: &mut [f32],
        inverse_rms: &mut [f32],
    ) -> Result<(), Error> {
        shape.check_rms_norm(epsilon, x, weight, out, inverse_rms)?;
        rows_and_columns(shape)?;
        let (device, x) = (&self.device, self.device.upload(x)?);
        let weight = weight.map(|weight| device.upload(weight)).transpose()?;
        let (mut on_out, mut on_inverse) = (device.uninitialised(out.len())?, device.uninitialised(inverse_rms.len())?);
        self.rms_norm_on_device(shape, epsilon, &x, weight.as_ref(), &mut on_out, &mut on_inverse)?;
        let arrived = (on_out.to_vec()?, on_inverse.to_vec()?);
        out.copy_from_slice(&arrived.0);
        inverse_rms.copy_from_slice(&arrived.1);
        Ok(())
    }

    fn rms_norm_backward(
        &self,
        shape: Rows,
        forward: SavedRmsNorm<'_>,
        d_out: &[f32],
        d_x: &mut [f32],
        d_weight: Option<&mut [f32]>,
    ) -> Result<(), Error> {
        shape.check_rms_norm_backward(&forward, d_out, d_x, d_weight.as_deref())?;
        rows_and_columns(shape)?;
        let device = &self.device;
        let (x, inverse_rms) = (device.upload(forward.x)?, device.upload(forward.inverse_rms)?);
        let weight = forward.weight.map(|weight| device.upload(weight)).transpose()?;
        let (d_out, mut on_d_x) = (device.upload(d_out)?, device.uninitialised(d_x.len())?);
        let mut on_d_weight = d_weight.is_some().then(|| device.uninitialised(shape.cols)).transpose()?;
        let weights = (weight.as_ref(), on_d_weight.as_mut());
        self.rms_norm_backward_on_device(shape, &x, weights.0, &inverse_rms, &d_out, &mut on_d_x, weights.1)?;
        let arrived = (on_d_x.to_vec()?, on_d_weight.map(|sums| sums.to_vec()).transpose()?);
        d_x.copy_from_slice(&arrived.0);
        if let (Some(d_weight), Some(arrived)) = (d_weight, arrived.1) {
            d_weight.copy_from_slice(&arrived);
        }
        Ok(())
    }

    fn cross_entropy(
        &self,
        shape: Rows,
        logits: &[f32],
        targets: &[u32],
        loss: &mut [f32],
        log_sum_exp: &mut [f32],
    ) -> Result<(), Error> {
        shape.check_cross_entropy(logits, targets, loss, log_sum_exp)?;
        rows_and_columns(shape)?;
        let device = &self.device;
        let (logits, targets) = (device.upload(logits)?, device.upload(targets)?);
        let (mut on_loss, mut on_sums) = (device.uninitialised(loss.len())?, device.uninitialised(loss.len())?);
        self.cross_entropy_on_device(shape, &logits, &targets, &mut on_loss, &mut on_sums)?;
        let arrived = (on_loss.to_vec()?, on_sums.to_vec()?);
        loss.copy_from_slice(&arrived.0);
        log_sum_exp.copy_from_slice(&arrived.1);
        Ok(())
    }

    fn cross_entropy_backward(
        &self,
        shape: Rows,
        logits: &[f32],
        targets: &[u32],
        log_sum_exp: &[f32],
        d_loss: &[f32],
        d_logits: &mut [f32],
    ) -> Result<(), Error> {
        shape.check_cross_entropy_backward(logits, targets, log_sum_exp, d_loss, d_logits)?;
        rows_and_columns(shape)?;
        let device = &self.device;
        let (logits, targets) = (device.upload(logits)?, device.upload(targets)?);
        let (sums, d_loss) = (device.upload(log_sum_exp)?, device.upload(d_loss)?);
        let mut on_d_logits = device.uninitialised(d_logits.len())?;
        self.cross_entropy_backward_on_device(shape, &logits, &targets, &sums, &d_loss, &mut on_d_logits)?;
        d_logits.copy_from_slice(&on_d_logits.to_vec()?);
        Ok(())
    }
}
