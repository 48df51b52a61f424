#!/bin/sh
# Records how large the frames of real encoders are, which is all that the load tester needs of a camera and a microphone.
#
# 180.sizes, 360.sizes, 720.sizes: VP8 in real time at 30 frames a second, the three layers of a simulcast of 150, 500 and 1,500 kbit/s;
# one line for each frame with its bytes, after a K for keyframes. voice.sizes: Opus, one line for each 20 ms with its bytes and its
# loudness in dBov (RFC 6464), of the sound of the headless participant.
#
# The results are committed. To make them again: Debian's package `ffmpeg`.
set -eu
cd "$(dirname "$0")"

video() {
    ffmpeg -hide_banner -loglevel error -f lavfi -i "testsrc2=size=$1:rate=30:duration=12,noise=alls=6:allf=t:all_seed=1" \
        -c:v libvpx -b:v "$2" -maxrate "$2" -minrate "$2" -bufsize "$2" -g 120 -keyint_min 120 -auto-alt-ref 0 -lag-in-frames 0 \
        -deadline realtime -cpu-used 8 -error-resilient 1 -fflags +bitexact -flags:v +bitexact -f ivf - |
        ffprobe -hide_banner -loglevel error -show_entries packet=size,flags -of csv=p=0 - |
        sed -n 's/^\([0-9]*\),K.*/K\1/p; s/^\([0-9]*\),_.*/\1/p'
}
video 320x180 150k >180.sizes
video 640x360 500k >360.sizes
video 1280x720 1500k >720.sizes

clips=../../allo-client/media
ffprobe -hide_banner -loglevel error -show_entries packet=size -of default=noprint_wrappers=1:nokey=1 "$clips/clip.ogg" |
    head -n "$(wc -l <"$clips/clip.levels")" | paste -d ' ' - "$clips/clip.levels" >voice.sizes
