/* The corners of the LUT array: every operand type, sum, depth and pipeline; small arrays, so that
 * very many tiles take seconds, and some of the paper's size. */
#ifndef LUT_CORNERS_H
#define LUT_CORNERS_H

typedef struct lut_corner {
    const char *text;
    bool large; /* the paper's M2 N64: fewer tiles a second */
} lut_corner;

/* The first LUT_CORNERS_USUAL run in ./check --full, all of them with NAPIER_RTL_CORNERS=all. */
enum { LUT_CORNERS_USUAL = 28 };
static const lut_corner lut_corners[] = {
    {"m=2 n=64", true},
    {"m=2 n=4 wbits=1", false},
    {"m=2 n=4 wbits=2 acc=s16", false},
    {"m=2 n=4 wbits=3 pipeline=2", false},
    {"m=2 n=4 wbits=4 acc=s24 depth=4", false},
    {"m=1 n=8 wbits=5 k=3 pipeline=2 depth=2", false},
    {"m=2 n=4 wbits=8", false},
    {"m=2 n=4 act=s16 wbits=4", false},
    {"m=2 n=2 act=s16 wbits=8 acc=s24 depth=8 pipeline=2", false},
    {"m=4 n=2 k=1 wbits=2", false},
    {"m=1 n=4 k=8 wbits=2 act=s16", false},
    {"m=2 n=64 wtype=ternary acc=s24", true},
    {"m=2 n=4 wtype=ternary acc=s16 depth=4 pipeline=2", false},
    {"m=2 n=4 wtype=e2m1", false},
    {"m=2 n=4 wtype=e2m1 act=f16 acc=f32", false},
    {"m=2 n=4 act=f16 table=s8 acc=s24", false},
    {"m=2 n=4 act=e4m3 table=s8 acc=s16 depth=2 pipeline=2", false},
    {"m=2 n=4 act=f16 acc=f32", false},
    {"m=2 n=4 act=f16 acc=f16", false},
    {"m=2 n=2 act=f16 acc=f16 wbits=8 pipeline=2", false},
    {"m=2 n=2 act=f16 acc=f32 wbits=1 depth=4", false},
    {"m=2 n=4 act=f16 acc=f16 wbits=2 depth=2 pipeline=2", false},
    {"m=2 n=4 act=e4m3 acc=f16 wbits=2", false},
    {"m=2 n=4 act=e5m2 acc=f32 wbits=4 pipeline=2", false},
    {"m=2 n=4 act=f16 acc=f32 wtype=ternary", false},
    {"m=2 n=4 act=f16 acc=f32 fpsum=fused", false},
    {"m=2 n=2 act=f16 acc=f16 fpsum=fused depth=4 pipeline=2", false},
    {"m=2 n=2 act=f16 acc=f32 fpsum=fused depth=8 wbits=8", false},
    /* on demand */
    {"m=2 n=4 wbits=2", false},
    {"m=2 n=4 wbits=4 acc=s16", false},
    {"m=2 n=4 wbits=6 acc=s24", false},
    {"m=2 n=4 wbits=7 pipeline=2", false},
    {"m=1 n=1 wbits=4", false},
    {"m=8 n=4 wbits=4 k=4", false},
    {"m=2 n=4 k=2", false},
    {"m=2 n=4 k=3", false},
    {"m=2 n=4 k=5 acc=s24", false},
    {"m=2 n=4 k=6 wbits=1", false},
    {"m=1 n=4 k=7 pipeline=2", false},
    {"m=2 n=4 k=2 depth=16 wbits=1", false},
    {"m=1 n=2 k=2 depth=64 wbits=1", false},
    {"m=2 n=64 wbits=1", true},
    {"m=2 n=64 wbits=2 acc=s24 pipeline=2", true},
    {"m=2 n=4 act=s16 wbits=1 acc=s24", false},
    {"m=2 n=4 act=s16 wbits=2 pipeline=2", false},
    {"m=2 n=4 act=s16 wtype=ternary", false},
    {"m=2 n=4 act=s16 wtype=e2m1 acc=s24", false},
    {"m=2 n=4 wtype=ternary pipeline=2", false},
    {"m=2 n=4 wtype=ternary depth=2", false},
    {"m=2 n=4 act=f16 table=s8 wbits=2", false},
    {"m=2 n=4 act=f16 table=s8 wtype=ternary acc=s16", false},
    {"m=2 n=4 act=e5m2 table=s8 wbits=1", false},
    {"m=2 n=4 act=e4m3 table=s8 wtype=e2m1", false},
    {"m=2 n=64 act=f16 acc=f16 wbits=2", true},
    {"m=2 n=4 act=f16 acc=f32 wbits=1", false},
    {"m=2 n=4 act=f16 acc=f32 wbits=2 pipeline=2", false},
    {"m=2 n=4 act=f16 acc=f32 wbits=8", false},
    {"m=2 n=4 act=f16 acc=f16 wbits=1", false},
    {"m=2 n=4 act=f16 acc=f16 wbits=3 pipeline=2", false},
    {"m=2 n=4 act=f16 acc=f16 k=1", false},
    {"m=2 n=4 act=f16 acc=f16 k=5", false},
    {"m=2 n=4 act=f16 acc=f16 wtype=ternary depth=2", false},
    {"m=2 n=4 act=f16 acc=f16 wtype=e2m1", false},
    {"m=2 n=4 act=e4m3 acc=f32 wbits=1 depth=2 pipeline=2", false},
    {"m=2 n=4 act=e5m2 acc=f16 wbits=4", false},
    {"m=2 n=4 act=e4m3 acc=f16 wtype=ternary pipeline=2", false},
    {"m=2 n=4 act=f16 acc=f16 fpsum=fused wbits=1", false},
    {"m=2 n=2 act=f16 acc=f32 fpsum=fused depth=2 pipeline=2 wbits=2", false},
    {"m=2 n=2 act=e4m3 acc=f16 fpsum=fused depth=4", false},
    {"m=2 n=4 act=f16 acc=f32 fpsum=fused wtype=ternary", false},
    {"m=2 n=4 act=f16 acc=f32 fpsum=fused wtype=e2m1 depth=2", false},
};
enum { LUT_CORNERS = sizeof lut_corners / sizeof *lut_corners };

static const char *const precompute_corners[] = {
    "m=2 n=4 pre_units=2",
    "m=2 n=4 k=3 depth=2 pre_units=4",
    "m=1 n=4 k=8",
    "m=2 n=4 k=5 act=s16",
    "m=2 n=4 k=1",
    "m=2 n=4 wtype=ternary depth=4 pre_units=8",
    "m=2 n=4 act=f16 acc=f32",
    "m=2 n=4 act=f16 acc=f16 k=1",
    "m=2 n=4 act=f16 acc=f16 k=3",
    "m=2 n=4 act=f16 acc=f16 k=5 pre_units=2",
    "m=1 n=4 act=f16 acc=f16 k=8",
    "m=2 n=4 act=e4m3 acc=f16",
    "m=2 n=4 act=e5m2 acc=f16 wtype=ternary",
    "m=2 n=4 act=f16 acc=f16 wtype=ternary",
    "m=2 n=4 act=f16 table=s8 depth=2",
    "m=2 n=4 act=e4m3 table=s8 wtype=ternary",
    "m=1 n=4 act=e5m2 table=s8 k=7",
};
enum { PRECOMPUTE_CORNERS = sizeof precompute_corners / sizeof *precompute_corners };

#endif
