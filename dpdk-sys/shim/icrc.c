/*
 * The CRC register of a RoCEv2 packet by folding, for processors with AVX-512 and VPCLMULQDQ.
 *
 * The packet is a polynomial over GF(2), reflected as in IEEE 802.3 (polynomial 0xEDB88320). 64 bytes are
 * multiplied by x^512 and added to the next 64 until 64 are left, in four streams where the packet is long; those are
 * reduced to 32 bits in the end. The method is that of Gopal, Ozturk, Guilford et al., "Fast CRC Computation for Generic Polynomials Using
 * PCLMULQDQ Instruction" (Intel, 2009). Constants are x^n mod P, reflected and shifted by one: for a distance
 * of D bits x^(D+32) for the lower half of a lane and x^(D-32) for the upper one.
 *
 * Left out on purpose: headers other than IPv4 without options and IPv6; the crc32fast crate serves those.
 */
#include "shim.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define FOLDS __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,vpclmulqdq,pclmul,sse4.1,bmi2")))

int squall_icrc_folds(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("pclmul") &&
	       __builtin_cpu_supports("bmi2");
}

/* What the ICRC does not cover, in the first 64 bytes from the IP header on (src/wire/icrc.rs). */
static const uint8_t masked_ipv4[64] __attribute__((aligned(64))) = {
	[1] = 0xff, [8] = 0xff, [10] = 0xff, [11] = 0xff,
	[20 + 6] = 0xff, [20 + 7] = 0xff, [20 + 8 + 4] = 0xff,
};
static const uint8_t masked_ipv6[64] __attribute__((aligned(64))) = {
	[0] = 0x0f, [1] = 0xff, [2] = 0xff, [3] = 0xff, [7] = 0xff,
	[40 + 6] = 0xff, [40 + 7] = 0xff, [40 + 8 + 4] = 0xff,
};

/* `far` multiplied by x^D, and `near` added. */
FOLDS static inline __m512i fold(__m512i far, __m512i by, __m512i near)
{
	__m512i low = _mm512_clmulepi64_epi128(far, by, 0x00);
	__m512i high = _mm512_clmulepi64_epi128(far, by, 0x11);

	/* 0x96: the sum of all three. */
	return _mm512_ternarylogic_epi64(low, high, near, 0x96);
}

/* The lowest `count` bytes of 64, the others zero; `count` is at most 64. */
FOLDS static inline __m512i load(const uint8_t *from, uint32_t count)
{
	return _mm512_maskz_loadu_epi8(_bzhi_u64(~0ull, count), from);
}

/* The remainder of 64 bytes. */
FOLDS static inline uint32_t reduce(__m512i all)
{
	/* Three lanes are as far from the fourth as this says. */
	const __m512i to_last = _mm512_set_epi64(0, 0, 0x0ccaa009e, 0x1751997d0, 0x15a546366,
						 0x0f1da05aa, 0x174359406, 0x03db1ecdc);
	const __m128i by_64 = _mm_set_epi64x(0x163cd6124, 0x0ccaa009e);
	const __m128i barrett = _mm_set_epi64x(0x1f7011641, 0x1db710641);
	const __m128i low_half = _mm_set_epi32(0, 0, 0, -1);
	__m512i last = _mm512_maskz_mov_epi64(0xc0, all);
	__m512i sum = fold(all, to_last, last);
	__m256i two = _mm256_xor_si256(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1));
	__m128i one = _mm_xor_si128(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1));
	__m128i part;

	/* 128 bits to 96, to 64. */
	part = _mm_clmulepi64_si128(one, by_64, 0x00);
	one = _mm_xor_si128(_mm_srli_si128(one, 8), part);
	part = _mm_srli_si128(one, 4);
	one = _mm_clmulepi64_si128(_mm_and_si128(one, low_half), by_64, 0x10);
	one = _mm_xor_si128(one, part);
	/* Barrett's reduction to 32. */
	part = _mm_clmulepi64_si128(_mm_and_si128(one, low_half), barrett, 0x10);
	part = _mm_clmulepi64_si128(_mm_and_si128(part, low_half), barrett, 0x00);
	return (uint32_t)_mm_extract_epi32(_mm_xor_si128(one, part), 1);
}

FOLDS uint32_t squall_icrc_register(const uint8_t *l3, uint32_t len)
{
	const __m512i by_64 = _mm512_broadcast_i32x4(_mm_set_epi64x(0x1c6e41596, 0x154442bd4));
	const __m512i by_256 = _mm512_broadcast_i32x4(_mm_set_epi64x(0x1322d1430, 0x11542778a));
	const uint8_t *masked = (l3[0] & 0xf0) == 0x40 ? masked_ipv4 : masked_ipv6;
	/* The register after eight bytes of ones. */
	const __m512i start = _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)0xdebb20e3));
	__m512i sum;

	sum = load(l3, len < 64 ? len : 64);
	sum = _mm512_or_si512(sum, load(masked, len < 64 ? len : 64));
	sum = _mm512_xor_si512(sum, start);
	if (len <= 64)
		return reduce(sum);
	l3 += 64;
	len -= 64;
	if (len >= 7 * 64) {
		__m512i second = _mm512_loadu_si512(l3);
		__m512i third = _mm512_loadu_si512(l3 + 64);
		__m512i fourth = _mm512_loadu_si512(l3 + 128);

		l3 += 192;
		len -= 192;
		do {
			sum = fold(sum, by_256, _mm512_loadu_si512(l3));
			second = fold(second, by_256, _mm512_loadu_si512(l3 + 64));
			third = fold(third, by_256, _mm512_loadu_si512(l3 + 128));
			fourth = fold(fourth, by_256, _mm512_loadu_si512(l3 + 192));
			l3 += 256;
			len -= 256;
		} while (len >= 256);
		sum = fold(sum, by_64, second);
		sum = fold(sum, by_64, third);
		sum = fold(sum, by_64, fourth);
	}
	for (; len > 64; l3 += 64, len -= 64)
		sum = fold(sum, by_64, _mm512_loadu_si512(l3));
	if (len > 0)
		sum = fold(sum, by_64, load(l3, len));
	return reduce(sum);
}

#else

int squall_icrc_folds(void)
{
	return 0;
}

uint32_t squall_icrc_register(const uint8_t *l3, uint32_t len)
{
	(void)l3;
	(void)len;
	return 0;
}

#endif
