#!/bin/sh
# Rebuilds the PTX of this folder; README.md says where the compilers come from.
set -eu
nvcc="/opt/cuda/nvidia/cu13/bin/nvcc -O3 -std=c++17 -arch=compute_80 -ptx"
nvrtc=/opt/cuda/nvidia/cuda_nvrtc/lib/libnvrtc.so.12
$nvcc -o tensor.ptx tensor.cu
$nvcc -G -o tensor-debug.ptx tensor.cu
$nvcc -o language.ptx language.cu
$nvcc -Xcicc -O0 -o language-unoptimised.ptx language.cu
$nvcc -rdc=true -o parts.ptx parts.cu
$nvcc -rdc=true -Xcicc -O0 -o parts-unoptimised.ptx parts.cu
python3 nvrtc.py $nvrtc saxpy.cu --gpu-architecture=compute_80 -lineinfo > saxpy.ptx
