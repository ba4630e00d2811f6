#!/usr/bin/env bash
# Makes the fonts of this folder out of Debian's package fonts-dejavu-core, with fontTools' pyftsubset.
set -euo pipefail
cd "$(dirname "$0")"
unicodes="U+0020-007E,U+00A0-017F,U+0192,U+0218-021B,U+02C6,U+02C7,U+02D8-02DD,U+0370-03FF,U+0400-045F,U+0490-0491,U+1E9E"
unicodes+=",U+2010-2015,U+2018-201E,U+2020-2022,U+2026,U+2030,U+2032,U+2033,U+2039,U+203A,U+2044,U+20AC,U+2116,U+2122"
unicodes+=",U+2190-2199,U+21D2,U+21D4,U+2200,U+2202-2206,U+2208,U+2211,U+2212,U+221A,U+221E,U+2229,U+222B,U+2248,U+2260"
unicodes+=",U+2264,U+2265,U+25A0,U+25A1,U+25AA,U+25CB,U+25CF,U+25E6,U+25B2,U+25B6,U+25B8,U+25BA,U+25BC,U+25BE,U+25C0,U+25C6"
unicodes+=",U+2610-2612,U+2605,U+2606,U+2660-2667,U+2713,U+2717,U+FFFD"
for font in DejaVuSans DejaVuSans-Bold DejaVuSerif DejaVuSerif-Bold DejaVuSansMono; do
    pyftsubset "/usr/share/fonts/truetype/dejavu/$font.ttf" --unicodes="$unicodes" --no-hinting \
        --layout-features=kern,liga,mark,mkmk,ccmp,locl --output-file="$font.ttf"
done
