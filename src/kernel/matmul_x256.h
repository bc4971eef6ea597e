/* Matmul on 256-bit registers: the body of the AVX2 and AVX-VNNI rows.
 *
 * A tile of 16 rows is two halves of 8, one dword a row. Codes are unpacked for 32 elements at a
 * time: in decode they go straight to use, in prefill into a panel of KC_MAX blocks in L1 that all
 * tokens pass over. Between panels the outputs hold the accumulators.
 *
 * The including file defines, for its instruction set,
 *   TIER         the last part of the function names
 *   WIDE_SIGNED  1 if codes of 8 bits and table values have to be signed bytes, 0 if unsigned (+
 * 128) dots()       adds products to the integer accumulators; see the two files add_zero()   adds
 * broadcast sums of activations times minus the zero point */
/* 32 elements of a tile: bytes of four k for each row, scales and minima, in halves of 8 rows. */
typedef struct unpacked {
    __m256i w[8][2];
    __m256 scale[2][2], min[2][2]; /* [group][half] */
} unpacked;

/* What a row needs to know of its weights, all compile-time constants but the last three. */
typedef struct shape {
    nap_record r;
    bool table, wide;
    int zero;             /* to be taken from the bytes in w */
    __m256i table_values; /* the element table as the bytes in w, in both halves */
} shape;

INLINE shape make_shape(const nap_record r, bool table, const nap_format *f)
{
    shape s = {.r = r, .table = table, .wide = table || r.bits == 8};
    s.zero = !s.wide ? f->zero : WIDE_SIGNED ? 0 : 128;
    s.table_values = _mm256_setzero_si256();
    if (table) {
        int8_t t[16] = {0};
        memcpy(t, f->table, (size_t)1 << r.bits);
        for (unsigned i = 0; i < 16 && !WIDE_SIGNED; i++) t[i] = (int8_t)(t[i] ^ 0x80);
        s.table_values =
            _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)t));
    }
    return s;
}

/* ------------------------------------------------------------------ unpacking */

INLINE void unpack_codes(const shape s, const uint8_t *codes, __m256i w[8][2])
{
    unsigned low = 0;
#pragma GCC unroll 4
    for (unsigned width = 8; width > 0; width /= 2) {
        if (!(s.r.bits & width)) continue;
        const __m256i mask = _mm256_set1_epi8((char)(((1u << width) - 1) << low));
#pragma GCC unroll 16
        for (unsigned i = 0; i < 16; i++) {
            const unsigned kg = i / 2, half = i % 2, down = kg / width * width;
            const void *p = codes + (size_t)64 * (kg % width) + 32 * half;
            __m256i v = _mm256_loadu_si256((const __m256i *)p);
            if (down > low) v = _mm256_srli_epi32(v, (int)(down - low));
            if (down < low) v = _mm256_slli_epi32(v, (int)(low - down));
            if (width < 8) v = _mm256_and_si256(v, mask);
            w[kg][half] = low > 0 ? _mm256_or_si256(w[kg][half], v) : v;
        }
        codes += (size_t)64 * width;
        low += width;
    }
#pragma GCC unroll 16
    for (unsigned i = 0; i < 16; i++) {
        __m256i *v = &w[i / 2][i % 2];
        if (s.table)
            *v = _mm256_shuffle_epi8(s.table_values, *v);
        else if (s.wide && WIDE_SIGNED)
            *v = _mm256_xor_si256(*v, _mm256_set1_epi8((char)0x80));
    }
}

INLINE __m256 load_f16(const uint8_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

INLINE __m128i load_8(const uint8_t *p)
{
    return _mm_loadl_epi64((const __m128i *)(const void *)p);
}

/* Outer scale of 8 rows: binary16, or 2^(e - 128), subnormal for e < 2. */
INLINE __m256 outer_scale(const nap_record r, const uint8_t *record, unsigned half)
{
    if (r.store != NAP_STORE_E8M0) return load_f16(record + r.d + 16 * half);
    const __m256i e = _mm256_cvtepu8_epi32(load_8(record + r.d + 8 * half));
    const __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(e, _mm256_set1_epi32(1)), 23);
    const __m256i tiny = _mm256_sllv_epi32(_mm256_set1_epi32(0x200000), e);
    const __m256i is_normal = _mm256_cmpgt_epi32(e, _mm256_set1_epi32(1));
    return _mm256_castsi256_ps(_mm256_blendv_epi8(tiny, normal, is_normal));
}

INLINE void unpack_block(const shape s, const uint8_t *record, unsigned sub, unpacked *u)
{
    const nap_record r = s.r;
    const unsigned groups = 32 / r.group;
    unpack_codes(s, record + r.codes + (size_t)sub * 64 * r.bits, u->w);
#pragma GCC unroll 2
    for (unsigned half = 0; half < 2; half++) {
        const __m256 d = outer_scale(r, record, half);
        const __m256 dmin = r.min ? load_f16(record + r.dmin + 16 * half) : d;
#pragma GCC unroll 2
        for (unsigned g = 0; g < groups; g++) {
            const unsigned at = 16 * (sub * groups + g) + 8 * half;
            u->scale[g][half] = d;
            u->min[g][half] = dmin;
            if (r.store == NAP_STORE_F16_I8) {
                const __m256i sc = _mm256_cvtepi8_epi32(load_8(record + r.sc + at));
                u->scale[g][half] = _mm256_mul_ps(d, _mm256_cvtepi32_ps(sc));
                if (!r.min) continue;
                const __m256i mn = _mm256_cvtepu8_epi32(load_8(record + r.mn + at));
                u->min[g][half] = _mm256_mul_ps(dmin, _mm256_cvtepi32_ps(mn));
            } else if (r.store == NAP_STORE_F16_I4) {
                const __m256i both = _mm256_cvtepu8_epi32(load_8(record + r.sc + at));
                const __m256i sc = _mm256_and_si256(both, _mm256_set1_epi32(15));
                u->scale[g][half] = _mm256_mul_ps(d, _mm256_cvtepi32_ps(sc));
                const __m256i mn = _mm256_srli_epi32(both, 4);
                u->min[g][half] = _mm256_mul_ps(dmin, _mm256_cvtepi32_ps(mn));
            }
        }
    }
}

/* ------------------------------------------------------------------ multiplying */

/* Adds block b of `tokens` (a constant) tokens; all parts of an activation are `stride` bytes from
 * those of the token before. */
INLINE void add_block(const shape s, const unpacked *u, const nap_act_q8 x, size_t stride, size_t b,
                      const unsigned tokens, __m256 acc[TOKENS][2])
{
    const unsigned groups = 32 / s.r.group, fours = 8 / groups;
    const __m256i minus_zero = _mm256_set1_epi32(-s.zero & 0xffff);
#pragma GCC unroll 2
    for (unsigned g = 0; g < groups; g++) {
        const char *sum = (const char *)(x.sum + 2 * b + g);
        __m256i isum[TOKENS][2];
#pragma GCC unroll 4
        for (unsigned t = 0; t < tokens; t++) {
            isum[t][0] = _mm256_setzero_si256();
            if (!s.r.min && !(s.wide && WIDE_SIGNED)) {
                isum[t][0] = add_zero(isum[t][0], minus_zero, broadcast32(sum + t * stride));
                if (groups == 1) {
                    isum[t][0] =
                        add_zero(isum[t][0], minus_zero, broadcast32(sum + t * stride + 4));
                }
            }
            isum[t][1] = isum[t][0];
        }
        dots(s.wide, s.r.bits, u->w + g * fours, fours,
             (const char *)(x.q + 32 * b + g * s.r.group), stride, tokens, isum);
#pragma GCC unroll 4
        for (unsigned t = 0; t < tokens; t++) {
            const __m256 d = _mm256_castsi256_ps(broadcast32((const char *)(x.d + b) + t * stride));
            __m256 xs = d;
            if (s.r.min && groups == 1) {
                xs = _mm256_castsi256_ps(broadcast32((const char *)(x.s + b) + t * stride));
            } else if (s.r.min) {
                xs = _mm256_mul_ps(d, _mm256_cvtepi32_ps(broadcast32(sum + t * stride)));
            }
#pragma GCC unroll 2
            for (unsigned h = 0; h < 2; h++) {
                acc[t][h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(isum[t][h]),
                                            _mm256_mul_ps(u->scale[g][h], d), acc[t][h]);
                if (s.r.min) acc[t][h] = _mm256_fmadd_ps(u->min[g][h], xs, acc[t][h]);
            }
        }
    }
}

/* Outputs of one token: 16 rows, or what is left of them at the end. */
INLINE void store_rows(float *out, size_t lanes, const __m256 acc[2])
{
    if (lanes >= 16) {
        _mm256_storeu_ps(out, acc[0]);
        _mm256_storeu_ps(out + 8, acc[1]);
    } else {
        float all[16];
        _mm256_storeu_ps(all, acc[0]);
        _mm256_storeu_ps(all + 8, acc[1]);
        memcpy(out, all, lanes * sizeof(float));
    }
}

INLINE void load_rows(const float *out, size_t lanes, __m256 acc[2])
{
    float all[16] = {0};
    if (lanes < 16) {
        memcpy(all, out, lanes * sizeof(float));
        out = all;
    }
    acc[0] = _mm256_loadu_ps(out);
    acc[1] = _mm256_loadu_ps(out + 8);
}

/* ------------------------------------------------------------------ decode */

INLINE void decode_tile(const nap_matmul_args *a, const shape s, size_t row, size_t t0,
                        const unsigned tokens)
{
    const nap_matrix *m = a->w;
    const nap_record r = s.r;
    const nap_act_q8 x = nap_act_q8_view((const char *)a->act + t0 * a->act_stride, m->cols);
    __m256 acc[TOKENS][2];
    for (unsigned t = 0; t < tokens; t++) acc[t][0] = acc[t][1] = _mm256_setzero_ps();
    const uint8_t *record = nap_tile(m, &r, row);
    for (size_t k = 0; k < m->cols; k += r.block, record += r.bytes) {
        for (unsigned sub = 0; sub < r.block / 32; sub++) {
            const unsigned step = r.bytes / (r.block / 32);
            for (unsigned i = 0; i < step; i += 64) {
                _mm_prefetch((const char *)record + sub * step + AHEAD + i, _MM_HINT_T0);
            }
            unpacked u;
            unpack_block(s, record, sub, &u);
            add_block(s, &u, x, a->act_stride, k / 32 + sub, tokens, acc);
        }
    }
    for (unsigned t = 0; t < tokens; t++) {
        store_rows(a->out + (t0 + t) * a->out_stride + row, a->row_end - row, acc[t]);
    }
}

INLINE void decode(const nap_matmul_args *a, const nap_record r, bool table)
{
    const shape s = make_shape(r, table, a->w->format);
    for (size_t row = a->row_begin; row < a->row_end; row += NAP_ROW_TILE) {
        size_t t = 0;
        for (; a->tokens - t >= TOKENS; t += TOKENS) decode_tile(a, s, row, t, TOKENS);
        for (; t < a->tokens; t++) decode_tile(a, s, row, t, 1);
    }
}

/* ------------------------------------------------------------------ prefill */

INLINE void multiply(const nap_matmul_args *a, const shape s, const unpacked *panel, size_t b0,
                     size_t count, size_t row, size_t t0, const unsigned tokens)
{
    const nap_act_q8 x = nap_act_q8_view((const char *)a->act + t0 * a->act_stride, a->w->cols);
    float *out = a->out + t0 * a->out_stride + row;
    const size_t lanes = a->row_end - row;
    __m256 acc[TOKENS][2];
    for (unsigned t = 0; t < tokens; t++) {
        acc[t][0] = acc[t][1] = _mm256_setzero_ps();
        if (b0 > 0) load_rows(out + t * a->out_stride, lanes, acc[t]);
    }
    for (size_t b = 0; b < count; b++) {
        add_block(s, panel + b, x, a->act_stride, b0 + b, tokens, acc);
    }
    for (unsigned t = 0; t < tokens; t++) store_rows(out + t * a->out_stride, lanes, acc[t]);
}

INLINE void prefill(const nap_matmul_args *a, const nap_record r, bool table)
{
    const shape s = make_shape(r, table, a->w->format);
    const size_t blocks = a->w->cols / 32;
    const unsigned subs = r.block / 32;
    unpacked *panel = a->scratch;
    for (size_t row = a->row_begin; row < a->row_end; row += NAP_ROW_TILE) {
        const uint8_t *tile = nap_tile(a->w, &r, row);
        for (size_t b0 = 0; b0 < blocks; b0 += KC_MAX) {
            const size_t count = blocks - b0 < KC_MAX ? blocks - b0 : KC_MAX;
            for (size_t b = b0; b < b0 + count; b++) {
                unpack_block(s, tile + b / subs * r.bytes, (unsigned)(b % subs), panel + b - b0);
            }
            size_t t = 0;
            for (; a->tokens - t >= TOKENS; t += TOKENS) {
                multiply(a, s, panel, b0, count, row, t, TOKENS);
            }
            for (; t < a->tokens; t++) multiply(a, s, panel, b0, count, row, t, 1);
        }
    }
}

/* ------------------------------------------------------------------ the rows */

#define DEFINE_ROW_OF(name, tier, bits, block, group, min, store, table)                           \
    void nap_decode_##name##_##tier(const nap_matmul_args *a)                                      \
    {                                                                                              \
        decode(a, nap_record_make(bits, block, group, min, NAP_STORE_##store), table);             \
    }                                                                                              \
    void nap_prefill_##name##_##tier(const nap_matmul_args *a)                                     \
    {                                                                                              \
        prefill(a, nap_record_make(bits, block, group, min, NAP_STORE_##store), table);            \
    }
#define DEFINE_ROW_IN(name, tier, ...) DEFINE_ROW_OF(name, tier, __VA_ARGS__)
#define DEFINE_ROW(name, ...) DEFINE_ROW_IN(name, TIER, __VA_ARGS__)
NAP_BLOCK_SHAPES(DEFINE_ROW)
