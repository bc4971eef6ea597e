/* LMMA: the instruction set of a LUT tensor core (paper section 3.3.1; encoding, registers, timing
 * are ours: docs/lmma.md is the manual, this header its summary).
 *
 * A core has register files of fragments (array.h): a (activations), t (tables), w (weights),
 * c (accumulators), s (row sums); eight address registers x0..x7 of 32 bits (x0 reads as zero),
 * and a loop stack of four. Memory is bytes; addresses of fragments are multiples of bus_bytes.
 *
 * Instructions are 64 bits. Assembly, one per line, '#' comments:
 *
 *   nop | halt
 *   mov   xD, imm              xD = imm                             imm: signed 32 bits
 *   add   xD, xS, imm          xD = xS + imm  (modulo 2^32)
 *   loop  count                repeats up to the matching `end`, count >= 1 times; nests 4 deep
 *   end
 *   lda   aD, [xB + imm]       loads: a fragment from memory
 *   ldt   tD, [xB + imm]
 *   ldw.wP wD, [xB + imm]      P planes: w1..w8; ternary `ldw.t`; FP4 `ldw.e2m1`
 *   ldc   cD, [xB + imm]       from its memory image (32 bits each)
 *   lds   sD, [xB + imm]
 *   stt   [xB + imm], tS       stores, likewise stc, sts
 *   sto.wP [xB + imm], cS, sS, Z   finished result: (C + (2^P - 1 - 2 Z) * S) >> 1 as int32 (the
 *                              C image), integer activations, methods LUT (not ternary) and
 *                              LUT_CONV; Z in [-256, 511]
 *   zero  cD | zero sD
 *   pre   tD, aS [, sD]        tables from activations; adds the row sums to sD if given
 *   lmma.mMnNkK.AD.WT.ACC.OUT  cD, tT, wW, cS|zero
 *                              e.g. lmma.m2n64k4.s8.w2.s32.s32 c0, t0, w0, c0: D = T x W + S. For
 *                              methods other than LUT the second operand is an a register: the
 *                              same mnemonic, `a0` in place of `t0`
 *   wait  mem|pre|mma[+...]    until those units are idle
 * The imm of [xB + imm] is a multiple of 8, signed 32 bits. Address registers start at 0; a
 * register of fragments holds nothing until it is written.
 *
 * Shapes. An lmma works on a multiple of the array's shape (m, n, kd = k * depth): m * i rows,
 * n * j columns, kd * l deep, with i, j, l in {1, 2, 4, 8}, written m2x4n64k4x2: the array's shape,
 * and "x" the multiple where it is not 1. It is i * j * l array steps, in the order row block,
 * column block, K block (K fastest), on consecutive registers: c[D + r * j + q], t[T + r * l + h],
 * w[W + q * l + h]; registers must exist and S is the same block (rs = rd) or zero. Types must be
 * the design's: AD s8 s16 e4m3 e5m2 f16 (with int8 tables: e4m3q e5m2q f16q), WT w1..w8 t e2m1,
 * ACC = OUT = the accumulator's type (docs/lmma.md says why no narrowing is done here); WT's planes
 * at most core.wbits, with MAC and MAC_NATIVE exactly core.wbits.
 *
 * Time, which the RTL keeps to the cycle and the simulators predict. One instruction at most issues
 * per cycle, in order. nop, mov, add, loop, end: nothing more; a taken `end` costs no extra cycle.
 * Three units: MEM (ld*, st*, sto), PRE (pre), MMA (lmma, zero). An instruction issued in cycle c
 * occupies its unit in cycles c+1 .. c+T; the next one for the same unit may issue in cycle c+T at
 * the earliest. `wait` completes (and the next instruction issues the cycle after) in the first
 * cycle in which none of its units is occupied; halt is wait for all, then done.
 *   loads   T = mem_latency + ceil(bytes / bus_bytes)     stores  T = ceil(bytes / bus_bytes)
 *   sto     T = 1 + beats     pre T = ceil(m * depth / pre_units)     zero T = 1
 *   lmma    T = i*j*l * planes, and after that pipeline - 1 cycles more in which the unit is
 *           occupied for `wait` but takes the next lmma (not zero: that waits for an empty pipe)
 * The program orders units by `wait`: a register or memory range that one unit writes and another
 * reads or writes must be separated by a wait on the first (nap_program_check finds breaches).
 * A wait for MEM also makes stores visible to later loads; MEM itself is in order. */
#ifndef NAP_LUTCORE_ISA_H
#define NAP_LUTCORE_ISA_H

#include "lutcore/types.h"

typedef enum nap_lop {
    NAP_L_NOP,
    NAP_L_HALT,
    NAP_L_MOV,
    NAP_L_ADD,
    NAP_L_LOOP,
    NAP_L_END,
    NAP_L_LDA,
    NAP_L_LDT,
    NAP_L_LDW,
    NAP_L_LDC,
    NAP_L_LDS,
    NAP_L_STT,
    NAP_L_STC,
    NAP_L_STS,
    NAP_L_STO,
    NAP_L_ZEROC,
    NAP_L_ZEROS,
    NAP_L_PRE,
    NAP_L_LMMA,
    NAP_L_WAIT,
    NAP_L_COUNT
} nap_lop;

enum { NAP_L_WT_TERNARY = 9, NAP_L_WT_E2M1 = 10 };
enum { NAP_L_REG_NONE = 63, NAP_L_REGS_MAX = 62, NAP_L_XREGS = 8, NAP_L_LOOPS = 4 };
enum { NAP_UNIT_MEM = 1, NAP_UNIT_PRE = 2, NAP_UNIT_MMA = 4 };

/* Activation operand types as the instruction names them. */
typedef enum nap_ladt {
    NAP_LAD_S8,
    NAP_LAD_S16,
    NAP_LAD_E4M3,
    NAP_LAD_E5M2,
    NAP_LAD_F16,
    NAP_LAD_E4M3Q,
    NAP_LAD_E5M2Q,
    NAP_LAD_F16Q
} nap_ladt;
nap_ladt nap_core_ladt(const nap_core *c);

/* A decoded instruction; fields an opcode does not use are zero. Registers by role:
 *   ld*, zero  rd destination            st*  rs source         sto  rs = c, rt = s
 *   pre        rd = t, rs = a, rt = s or NAP_L_REG_NONE
 *   lmma       rd = c, rt = t (a_operand: an a register), rw = w, rs = rd or NAP_L_REG_NONE (zero)
 *   mov        xd        add  xd, xb     ld*, st*, sto  xb */
typedef struct nap_linst {
    nap_lop op;
    uint8_t rd, rs, rt, rw;
    uint8_t xd, xb;     /* address registers */
    int32_t imm;        /* address offset, mov/add immediate, loop count (unsigned) */
    int16_t zp;         /* sto: Z */
    uint8_t mask;       /* wait: units */
    uint8_t wt;         /* ldw, sto, lmma: 1..8 planes, 9 = ternary, 10 = E2M1 */
    uint8_t mi, nj, kl; /* lmma: log2 of the multiples i, j, l */
    uint8_t m;
    uint16_t n, kd; /* lmma: the absolute array shape it was written for (m, n, k * depth) */
    bool a_operand; /* lmma: rt is an a register (methods other than LUT) */
    nap_ladt ad;
    nap_acc acc, out; /* lmma: equal */
} nap_linst;

typedef struct nap_program {
    uint64_t *word;
    unsigned *line; /* source line of each instruction, or NULL */
    size_t count;
} nap_program;
void nap_program_free(nap_program *p);
bool nap_program_add(nap_program *p, uint64_t word, unsigned line); /* false: no memory */

/* ---- Encoding. Bits not named are zero; opcodes are nap_lop's numbers; signed fields are two's
 * complement. Registers 0..61; 62 is never legal, 63 only in pre's third field (no sums).
 *
 *   all    4:0 opcode
 *   mov    7:5 xD    63:32 imm            add   7:5 xD    19:17 xS    63:32 imm
 *   loop   63:32 count, not 0             wait  7:5 units: 5 mem, 6 pre, 7 mma; not 0
 *   ld*    10:5 D    19:17 xB    63:35 imm / 8    ldw also 23:20 WT
 *   st*    10:5 S    19:17 xB    63:35 imm / 8
 *   sto    10:5 c    16:11 s     19:17 xB    23:20 P    33:24 Z    63:35 imm / 8
 *   zero   10:5 D
 *   pre    10:5 t    16:11 a     22:17 s or 63
 *   lmma   10:5 D    16:11 T     22:17 W     23 zero (S is not D but zero)    24 T is an a register
 *          26:25 log2 i   28:27 log2 j   30:29 log2 l   34:31 WT   37:35 AD
 *          39:38 ACC: 0 s16 1 s24 2 s32, with AD e4m3 e5m2 f16: 0 f16 1 f32
 *          45:40 m - 1    53:46 n - 1    62:54 kd - 1
 * WT: 1..8 planes, 9 ternary, 10 E2M1 (P: 1..8). */
enum { NAP_L_PROGRAM_MAX = 1 << 20 }; /* instructions of one program */
#define NAP_L_ILLEGAL UINT64_MAX      /* decodes to nothing */

/* NAP_L_ILLEGAL for a record that has no encoding: a value out of range, an unused field set. */
uint64_t nap_linst_encode(const nap_linst *i);
/* NAP_ERR_FORMAT names the field for words that no instruction encodes to. encode(decode(w)) == w
 * for every legal w. `index` is for messages. */
nap_status nap_linst_decode(uint64_t word, size_t index, nap_linst *out, nap_error *e);
/* One instruction as the disassembler writes it, without indentation; NUL-terminated. */
enum { NAP_L_TEXT_MAX = 96 };
void nap_linst_text(const nap_linst *i, char out[NAP_L_TEXT_MAX]);

/* Text to words and back. Errors: "name:line:column: ...". */
nap_status nap_lmma_assemble(const char *text, size_t len, const char *name, nap_program *out,
                             nap_error *e);
struct nap_buf;
nap_status nap_lmma_disassemble(const nap_program *p, struct nap_buf *out, nap_error *e);

/* Is the program one that this design can run? Types, shapes, registers within capacity and written
 * before they are read, weights used as they were loaded, loops matched, one halt at the end, and
 * for every round of every loop: addresses aligned and within memory_bytes (0: unknown), no hazard
 * between units without a wait (docs/lmma.md, "Legal programs"). Names line (or index) and
 * instruction. Time grows with the program's length, not with its loops' counts. */
nap_status nap_program_check(const nap_program *p, const nap_core *c, uint64_t memory_bytes,
                             const char *name, nap_error *e);

/* Binary program files: "LMMA" magic, version, count, words (docs/lmma.md). */
nap_status nap_program_read(const char *path, nap_program *out, nap_error *e);
nap_status nap_program_write(const char *path, const nap_program *p, nap_error *e);

#endif
