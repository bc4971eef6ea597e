/* The instruction set as tables: fields of every encoding, operands of every mnemonic. The encoder,
 * the decoder, the assembler and the disassembler all walk these, so they cannot disagree; a test
 * compares them with docs/lmma.md. */
#ifndef NAP_LUTCORE_ISA_TABLE_H
#define NAP_LUTCORE_ISA_TABLE_H

#include "lutcore/isa.h"

/* What a field of the word holds; each has one member (or two) of nap_linst behind it. */
typedef enum nap_lfield_id {
    NAP_LF_RD,
    NAP_LF_RS,
    NAP_LF_RT,
    NAP_LF_RT_NONE, /* rt, or NAP_L_REG_NONE */
    NAP_LF_RW,
    NAP_LF_ZERO, /* lmma's S: 0 is D, 1 is zero */
    NAP_LF_XD,
    NAP_LF_XB,
    NAP_LF_IMM,
    NAP_LF_IMM8, /* a multiple of 8, divided by 8 */
    NAP_LF_COUNT,
    NAP_LF_Z,
    NAP_LF_UNITS,
    NAP_LF_WT,
    NAP_LF_P,
    NAP_LF_I,
    NAP_LF_J,
    NAP_LF_L,
    NAP_LF_M,
    NAP_LF_N,
    NAP_LF_KD,
    NAP_LF_A_OPERAND,
    NAP_LF_AD,
    NAP_LF_ACC,
    NAP_LF_IDS
} nap_lfield_id;

typedef struct nap_lfield {
    uint8_t id, high, low; /* bits high..low of the word */
} nap_lfield;

enum { NAP_LF_MAX = 15 };

/* Register files, by their letter in the text. */
typedef enum nap_lfile {
    NAP_LFILE_A,
    NAP_LFILE_T,
    NAP_LFILE_W,
    NAP_LFILE_C,
    NAP_LFILE_S,
    NAP_LFILE_COUNT
} nap_lfile;
char nap_lfile_letter(nap_lfile f);

/* Operands in the order of the text. */
typedef enum nap_lopnd {
    NAP_LO_NONE,
    NAP_LO_XD,
    NAP_LO_XB,
    NAP_LO_IMM,
    NAP_LO_COUNT,
    NAP_LO_MEM,   /* [xB + imm] */
    NAP_LO_RD,    /* a register of the op's file */
    NAP_LO_RS,    /* likewise, as source */
    NAP_LO_RS_A,  /* pre: a register to make tables of */
    NAP_LO_RT_S,  /* sto: row sums */
    NAP_LO_OPT_S, /* pre: ", sD" or nothing */
    NAP_LO_Z,
    NAP_LO_UNITS,
    NAP_LO_LMMA_T, /* a t or an a register */
    NAP_LO_LMMA_W,
    NAP_LO_LMMA_S /* the destination again, or "zero" */
} nap_lopnd;

typedef enum nap_lsuffix { NAP_LS_NONE, NAP_LS_WT, NAP_LS_P, NAP_LS_LMMA } nap_lsuffix;

typedef struct nap_lopinfo {
    const char *name; /* mnemonic up to the first '.' */
    uint8_t unit;     /* NAP_UNIT_*, 0: none */
    uint8_t file;     /* nap_lfile of RD or RS */
    uint8_t suffix;
    uint8_t operand[5];
    nap_lfield field[NAP_LF_MAX]; /* besides the opcode; ends at high == 0 */
} nap_lopinfo;

extern const nap_lopinfo nap_lops[NAP_L_COUNT];
const char *nap_lfield_name(nap_lop op, nap_lfield_id id); /* as the manual has it */

enum { NAP_L_Z_MIN = -256, NAP_L_Z_MAX = 511 };
enum { NAP_L_M_MAX = 64, NAP_L_N_MAX = 256, NAP_L_KD_MAX = 512 };

extern const char *const nap_ladt_names[8];
extern const char *const nap_lunit_names[3]; /* bit 0 first */
bool nap_ladt_float_acc(nap_ladt v);         /* accumulators of this operand type are f16, f32 */
/* "w2", "t", "e2m1" */
void nap_lwt_text(unsigned wt, char out[8]);

#endif
