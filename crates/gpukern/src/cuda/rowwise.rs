//! Softmax, RMS norm and cross-entropy with everything in the GPU's memory already.
//!
//! Each is as the method of [`RowwiseBackend`](crate::RowwiseBackend) whose name it has: nothing crosses the bus, and the call returns when
//! the work is in the device's queue. Errors are the method's, [`Error::KernelLimit`](crate::Error::KernelLimit) for what kernels cannot
//! count, and [`Error::Gpu`](crate::Error::Gpu).

use gpu_device::{Argument, Buffer, Element, kernels};
use gpukern_kernels::{cross_entropy, rms_norm, softmax};

use super::Cuda;
use super::attention::launch;
use super::sizes::rows_and_columns;
use crate::attention::check_len;
use crate::rowwise::check_epsilon;
use crate::{Error, Rows};

impl Cuda {
    /// [`RowwiseBackend::softmax`](crate::RowwiseBackend::softmax) on the device.
    ///
    /// # Errors
    ///
    /// As there, [`Error::KernelLimit`], [`Error::Gpu`].
    pub fn softmax_on_device(&self, shape: Rows, x: &Buffer<f32>, out: &mut Buffer<f32>) -> Result<(), Error> {
        matrices(shape, &[("x", x), ("out", out)])?;
        let [rows, cols] = rows_and_columns(shape)?;
        let arguments = [rows.into(), cols.into(), x.into(), Argument::from(out)];
        launch(&self.device, &kernels::rowwise::SOFTMAX, rows.into(), softmax::BLOCK, &arguments)
    }

    /// [`RowwiseBackend::softmax_backward`](crate::RowwiseBackend::softmax_backward) on the device.
    ///
    /// # Errors
    ///
    /// As there, [`Error::KernelLimit`], [`Error::Gpu`].
    pub fn softmax_backward_on_device(
        &self,
        shape: Rows,
        out: &Buffer<f32>,
        d_out: &Buffer<f32>,
        d_x: &mut Buffer<f32>,
    ) -> Result<(), Error> {
        matrices(shape, &[("out", out), ("d_out", d_out), ("d_x", d_x)])?;
        let [rows, cols] = rows_and_columns(shape)?;
        let arguments = [rows.into(), cols.into(), out.into(), d_out.into(), Argument::from(d_x)];
        launch(&self.device, &kernels::rowwise::SOFTMAX_BACKWARD, rows.into(), softmax::BLOCK, &arguments)
    }

    /// [`RowwiseBackend::rms_norm`](crate::RowwiseBackend::rms_norm) on the device.
    ///
    /// # Errors
    ///
    /// As there, [`Error::KernelLimit`], [`Error::Gpu`].
    pub fn rms_norm_on_device(
        &self,
        shape: Rows,
        epsilon: f32,
        x: &Buffer<f32>,
        weight: Option<&Buffer<f32>>,
        out: &mut Buffer<f32>,
        inverse_rms: &mut Buffer<f32>,
    ) -> Result<(), Error> {
        matrices(shape, &[("x", x), ("out", out)])?;
        vector("weight", shape.cols, weight)?;
        vector("inverse_rms", shape.rows, Some(inverse_rms))?;
        check_epsilon(epsilon)?;
        let [rows, cols] = rows_and_columns(shape)?;
        let none = self.device.uninitialised(0)?;
        let (has_weight, weight) = (u32::from(weight.is_some()), weight.unwrap_or(&none));
        let mut arguments = vec![rows.into(), cols.into(), epsilon.into(), has_weight.into()];
        arguments.extend([x.into(), weight.into(), Argument::from(out), inverse_rms.into()]);
        launch(&self.device, &kernels::rowwise::RMS_NORM, rows.into(), rms_norm::BLOCK, &arguments)
    }

    /// [`RowwiseBackend::rms_norm_backward`](crate::RowwiseBackend::rms_norm_backward) on the device.
    ///
    /// # Errors
    ///
    /// As there, [`Error::KernelLimit`], [`Error::Gpu`].
    #[allow(clippy::too_many_arguments, reason = "those of the method, with the saved ones apart")]
    pub fn rms_norm_backward_on_device(
        &self,
        shape: Rows,
        x: &Buffer<f32>,
        weight: Option<&Buffer<f32>>,
        inverse_rms: &Buffer<f32>,
        d_out: &Buffer<f32>,
        d_x: &mut Buffer<f32>,
        d_weight: Option<&mut Buffer<f32>>,
    ) -> Result<(), Error> {
        matrices(shape, &[("x", x), ("d_out", d_out), ("d_x", d_x)])?;
        vector("weight", shape.cols, weight)?;
        vector("d_weight", shape.cols, d_weight.as_deref())?;
        vector("inverse_rms", shape.rows, Some(inverse_rms))?;
        let [rows, cols] = rows_and_columns(shape)?;
        let none = self.device.uninitialised(0)?;
        let (has_weight, weight) = (u32::from(weight.is_some()), weight.unwrap_or(&none));
        let mut arguments = vec![rows.into(), cols.into(), has_weight.into(), x.into(), weight.into()];
        arguments.extend([inverse_rms.into(), d_out.into(), Argument::from(d_x)]);
        launch(&self.device, &kernels::rowwise::RMS_NORM_BACKWARD_DX, rows.into(), rms_norm::BLOCK, &arguments)?;
        let Some(d_weight) = d_weight else { return Ok(()) };
        let runs = rms_norm::runs(rows);
        if runs == 1 {
            return self.weight_gradients([rows, cols], [x, inverse_rms, d_out], d_weight);
        }
        let mut partial = self.device.uninitialised(runs as usize * shape.cols)?;
        self.weight_gradients([rows, cols], [x, inverse_rms, d_out], &mut partial)?;
        self.column_sums_on_device(Rows { rows: runs as usize, ..shape }, &partial, d_weight)
    }

    /// A row of sums for each run of rows.
    fn weight_gradients(
        &self,
        [rows, cols]: [u32; 2],
        inputs: [&Buffer<f32>; 3],
        partial: &mut Buffer<f32>,
    ) -> Result<(), Error> {
        let mut arguments = vec![rows.into(), cols.into(), Argument::from(rms_norm::RUN)];
        arguments.extend(inputs.map(Argument::from));
        arguments.push(partial.into());
        let blocks = rms_norm::dweight_grid(rows, cols);
        launch(&self.device, &kernels::rowwise::RMS_NORM_BACKWARD_DWEIGHT, blocks, rms_norm::BLOCK, &arguments)
    }

    /// `sums`, `[cols]`: the sum of each column of `x`, `[rows, cols]`. The gradient of a bias is that of `d_out`.
    ///
    /// # Errors
    ///
    /// [`Error::Zero`], [`Error::TooLarge`], [`Error::Length`], [`Error::KernelLimit`], [`Error::Gpu`].
    pub fn column_sums_on_device(&self, shape: Rows, x: &Buffer<f32>, sums: &mut Buffer<f32>) -> Result<(), Error> {
        matrices(shape, &[("x", x)])?;
        vector("sums", shape.cols, Some(sums))?;
        let [rows, cols] = rows_and_columns(shape)?;
        let arguments = [rows.into(), cols.into(), x.into(), Argument::from(sums)];
        let blocks = cols.div_ceil(rms_norm::COLUMNS).into();
        launch(&self.device, &kernels::rowwise::COLUMN_SUMS, blocks, rms_norm::BLOCK, &arguments)
    }

    /// [`RowwiseBackend::cross_entropy`](crate::RowwiseBackend::cross_entropy) on the device. Targets are not looked at on the way: one that is
    /// no column counts as [`IGNORE`](crate::IGNORE).
    ///
    /// # Errors
    ///
    /// As there, but for [`Error::Target`]; [`Error::KernelLimit`], [`Error::Gpu`].
    pub fn cross_entropy_on_device(
        &self,
        shape: Rows,
        logits: &Buffer<f32>,
        targets: &Buffer<u32>,
        loss: &mut Buffer<f32>,
        log_sum_exp: &mut Buffer<f32>,
    ) -> Result<(), Error> {
        matrices(shape, &[("logits", logits)])?;
        vector("targets", shape.rows, Some(targets))?;
        vector("loss", shape.rows, Some(loss))?;
        vector("log_sum_exp", shape.rows, Some(log_sum_exp))?;
        let [rows, cols] = rows_and_columns(shape)?;
        let mut arguments = vec![rows.into(), cols.into(), logits.into(), targets.into()];
        arguments.extend([Argument::from(loss), log_sum_exp.into()]);
        launch(&self.device, &kernels::rowwise::CROSS_ENTROPY, rows.into(), cross_entropy::BLOCK, &arguments)
    }

    /// [`RowwiseBackend::cross_entropy_backward`](crate::RowwiseBackend::cross_entropy_backward) on the device; targets as in
    /// [`cross_entropy_on_device`](Self::cross_entropy_on_device).
    ///
    /// # Errors
    ///
    /// As there, but for [`Error::Target`]; [`Error::KernelLimit`], [`Error::Gpu`].
    pub fn cross_entropy_backward_on_device(
        &self,
        shape: Rows,
        logits: &Buffer<f32>,
        targets: &Buffer<u32>,
        log_sum_exp: &Buffer<f32>,
        d_loss: &Buffer<f32>,
        d_logits: &mut Buffer<f32>,
    ) -> Result<(), Error> {
        matrices(shape, &[("logits", logits), ("d_logits", d_logits)])?;
        vector("targets", shape.rows, Some(targets))?;
        vector("log_sum_exp", shape.rows, Some(log_sum_exp))?;
        vector("d_loss", shape.rows, Some(d_loss))?;
        let [rows, cols] = rows_and_columns(shape)?;
        let mut arguments = vec![rows.into(), cols.into(), logits.into(), targets.into()];
        arguments.extend([log_sum_exp.into(), d_loss.into(), Argument::from(d_logits)]);
        launch(&self.device, &kernels::rowwise::CROSS_ENTROPY_BACKWARD, rows.into(), cross_entropy::BLOCK, &arguments)
    }
}

fn matrices(shape: Rows, buffers: &[(&'static str, &Buffer<f32>)]) -> Result<(), Error> {
    shape.elements()?;
    buffers.iter().try_for_each(|(name, buffer)| check_len(name, &[shape.rows, shape.cols], buffer.len()))
}

fn vector<T: Element>(name: &'static str, len: usize, buffer: Option<&Buffer<T>>) -> Result<(), Error> {
    buffer.map_or(Ok(()), |buffer| check_len(name, &[len], buffer.len()))
}
