#!/usr/bin/env python3
"""What each kernel takes of a multiprocessor, as ptxas reports it: resources.py PTXAS FILE.ptx... > RESOURCES.md

Fails when a kernel spills registers or keeps anything in local memory: that is global memory by another name.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

# Per multiprocessor: CUDA C++ Programming Guide, table "Technical Specifications per Compute Capability".
REGISTERS = 65536
WARPS_MAX = 64
BLOCKS_MAX = 32
SHARED_BYTES = {"sm_80": 164 * 1024, "sm_90": 228 * 1024}
SHARED_RESERVED = 1024  # a block, by the system

HEAD = """# Resources

What `ptxas -v` of CUDA 12.0.140 says of the committed PTX, and what follows from it. Written by `build.sh`.

Warps: how many of a multiprocessor's 64 are resident at once, as limited by registers (65,536, handed out by 256 a warp), shared
memory (164 KiB on sm_80, 228 KiB on sm_90, 1 KiB of it lost for each block) and blocks (32). No kernel spills, none uses local memory.

| kernel | threads | shared bytes | registers sm_80 | warps sm_80 | registers sm_90 | warps sm_90 |
|---|--:|--:|--:|--:|--:|--:|
"""


def measure(ptxas, ptx, target):
    """{entry: (registers, shared bytes)}"""
    with tempfile.TemporaryDirectory() as folder:
        command = [ptxas, "-v", f"-arch={target}", ptx, "-o", f"{folder}/out.cubin"]
        log = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    found = {}
    for part in log.split("Compiling entry function ")[1:]:
        entry = re.match(r"'(\w+)'", part)[1]
        stack, stores, loads = map(int, re.search(r"(\d+) bytes stack frame, (\d+) \D+(\d+) ", part).groups())
        if stack or stores or loads:
            raise SystemExit(f"{entry} on {target}: stack {stack} bytes, spill stores {stores}, spill loads {loads}")
        shared = re.search(r"(\d+) bytes smem", part)
        found[entry] = (int(re.search(r"Used (\d+) registers", part)[1]), int(shared[1]) if shared else 0)
    return found


def threads_of(text, entry):
    """The block that the kernel was compiled for (__launch_bounds__); None where any will do."""
    head = text[text.index(f".entry {entry}(") :].split("{", 1)[0]
    bound = re.search(r"\.maxntid (\d+), (\d+), (\d+)", head)
    return int(bound[1]) * int(bound[2]) * int(bound[3]) if bound else None


def resident_warps(target, threads, registers, shared):
    warps = -(-threads // 32)
    by_registers = REGISTERS // (-(-registers * 32 // 256) * 256) // warps
    by_shared = SHARED_BYTES[target] // (shared + SHARED_RESERVED)
    return min(by_registers, by_shared, BLOCKS_MAX, WARPS_MAX // warps) * warps


def main(ptxas, *files):
    print(HEAD, end="")
    for file in sorted(files):
        text = pathlib.Path(file).read_text()
        by_target = {target: measure(ptxas, file, target) for target in SHARED_BYTES}
        for entry in re.findall(r"\.entry (\w+)\(", text):
            threads = threads_of(text, entry)
            cells = [f"`{entry}`", str(threads or "any"), str(by_target["sm_80"][entry][1])]
            for target, found in by_target.items():
                registers, shared = found[entry]
                cells += [str(registers), str(resident_warps(target, threads or 256, registers, shared))]
            print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(*sys.argv[1:])
