#!/bin/sh
# Makes the media that the headless participant sends: clip-low.ivf, clip.ivf and clip-high.ivf (VP8) and clip.ogg (Opus), each
# four seconds long and made to be repeated, and clip.levels, the loudness of each 20 ms of sound in whole dBov (RFC 6464).
#
# The results are committed, so that a build needs no encoder. To make them again: Debian's package `ffmpeg`.
set -eu
cd "$(dirname "$0")"

# A moving test pattern, and a keyframe each second so that whoever joins late soon sees something. The three are the layers of a
# simulcast: the same pictures in three sizes. The middle one is also what a link carries.
video() {
    ffmpeg -hide_banner -loglevel error -y \
        -f lavfi -i "testsrc2=size=$2:rate=15:duration=4" \
        -c:v libvpx -b:v "$3" -maxrate "$4" -bufsize "$3" -g 15 -keyint_min 15 -auto-alt-ref 0 -lag-in-frames 0 \
        -deadline good -cpu-used 0 -error-resilient 1 -fflags +bitexact -flags:v +bitexact "$1"
}
video clip-low.ivf 160x120 70k 85k
video clip.ivf 320x240 220k 260k
video clip-high.ivf 640x480 500k 600k

# Something like speech, at a variable bitrate, so that loud packets are longer than silent ones: a gliding fundamental with two overtones, in syllables of a quarter of a second, with a pause
# at the end of each second.
voice='(0.5*sin(2*PI*(140*t+6*sin(2*PI*0.5*t)))+0.25*sin(2*PI*(420*t+18*sin(2*PI*0.5*t)))+0.12*sin(2*PI*1260*t))'
syllables='(0.05+0.95*pow(sin(PI*4*t)\,2))*lt(mod(t\,1)\,0.75)'
sound="aevalsrc=exprs='0.5*$voice*$syllables':sample_rate=48000:duration=4"
ffmpeg -hide_banner -loglevel error -y -f lavfi -i "$sound" \
    -c:a libopus -application voip -b:a 24k -vbr on -frame_duration 20 -map_metadata -1 -fflags +bitexact clip.ogg

# 48,000 samples a second are 960 in 20 ms. RFC 6464 goes from 0 (loudest) to -127 (silence).
ffmpeg -hide_banner -loglevel error -f lavfi -i "$sound" \
    -af 'asetnsamples=960:p=0,astats=metadata=1:reset=1,ametadata=print:key=lavfi.astats.Overall.RMS_level:file=-' \
    -f null - |
    sed -n 's/.*RMS_level=//p' |
    awk '{ v = ($1 == "-inf" || $1 < -127) ? -127 : int($1 - 0.5); print v }' >clip.levels
