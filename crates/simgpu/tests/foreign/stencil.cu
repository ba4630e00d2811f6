// Local arrays with run-time indices (local memory), constant memory, a struct passed by value, two-dimensional blocks.
//
//     stencil(const float* in, float* out, Shape shape)      5-point stencil with coefficients from constant memory; edges are copied
//     median9(const float* in, float* out, Shape shape)      median of 3×3 neighbours, clamped at the edges: sorts a local array
// Shape is passed by value: two ints and a float, 12 bytes.

struct Shape {
    int width, height;
    float scale;
};

__constant__ float coefficients[5] = {0.5f, 0.125f, 0.125f, 0.125f, 0.125f};

extern "C" __global__ void stencil(const float* in, float* out, Shape shape) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= shape.width || y >= shape.height) return;
    int at = y * shape.width + x;
    if (x == 0 || y == 0 || x == shape.width - 1 || y == shape.height - 1) {
        out[at] = in[at];
        return;
    }
    const int offsets[5] = {0, -1, 1, -shape.width, shape.width};
    float sum = 0.0f;
    for (int i = 0; i < 5; i++) sum += coefficients[i] * in[at + offsets[i]];
    out[at] = sum * shape.scale;
}

__device__ void sort(float* values, int n) {
    for (int i = 1; i < n; i++) {
        float value = values[i];
        int j = i;
        while (j > 0 && values[j - 1] > value) {
            values[j] = values[j - 1];
            j--;
        }
        values[j] = value;
    }
}

extern "C" __global__ void median9(const float* in, float* out, Shape shape) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= shape.width || y >= shape.height) return;
    float window[9];
    int count = 0;
    for (int dy = -1; dy <= 1; dy++) {
        for (int dx = -1; dx <= 1; dx++) {
            int sx = min(max(x + dx, 0), shape.width - 1), sy = min(max(y + dy, 0), shape.height - 1);
            window[count++] = in[sy * shape.width + sx];
        }
    }
    sort(window, count);
    out[y * shape.width + x] = window[4] * shape.scale;
}
