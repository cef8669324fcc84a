// CRC32C with the processor's instruction where it has one (SSE 4.2, ARMv8 CRC), else by tables.
//
// One crc32 instruction has a latency of three cycles and a throughput of one, so long inputs run
// three interleaved streams of 1,024 bytes each and join them. Joining multiplies a stream's CRC by
// x^(8·1024) mod P, done by four tables of 256 entries built when the program is loaded (the zeros
// operator of Mark Adler's crc32c.c, Stack Overflow answer 17646775, re-derived here).
#include "thalweg_shims.h"

#include <string.h>

#define POLYNOMIAL 0x82f63b78u
#define LANE 1024

static uint32_t byte_table[8][256];
static uint32_t shift_table[4][256];

static uint32_t matrix_times(const uint32_t *matrix, uint32_t vector) {
  uint32_t sum = 0;
  for (; vector; vector >>= 1, matrix++)
    if (vector & 1) sum ^= *matrix;
  return sum;
}

static void matrix_square(uint32_t *square, const uint32_t *matrix) {
  for (int i = 0; i < 32; i++) square[i] = matrix_times(matrix, matrix[i]);
}

// The operator that appends `count` zero bytes; `count` is a power of two.
static void zeros_operator(uint32_t *even, size_t count) {
  uint32_t odd[32];
  odd[0] = POLYNOMIAL;
  for (int i = 1; i < 32; i++) odd[i] = 1u << (i - 1);
  matrix_square(even, odd);  // two zero bits
  matrix_square(odd, even);  // four
  do {
    matrix_square(even, odd);
    count >>= 1;
    if (count == 0) return;
    matrix_square(odd, even);
    count >>= 1;
  } while (count);
  memcpy(even, odd, sizeof odd);
}

static void build_tables(void) {
  for (uint32_t n = 0; n < 256; n++) {
    uint32_t crc = n;
    for (int k = 0; k < 8; k++) crc = crc & 1 ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
    byte_table[0][n] = crc;
  }
  for (uint32_t n = 0; n < 256; n++)
    for (int k = 1; k < 8; k++)
      byte_table[k][n] = byte_table[0][byte_table[k - 1][n] & 255] ^ (byte_table[k - 1][n] >> 8);
  uint32_t operator[32];
  zeros_operator(operator, LANE);
  for (uint32_t n = 0; n < 256; n++)
    for (int k = 0; k < 4; k++) shift_table[k][n] = matrix_times(operator, n << (8 * k));
}

static inline uint32_t shift(uint32_t crc) {
  return shift_table[0][crc & 255] ^ shift_table[1][(crc >> 8) & 255] ^
         shift_table[2][(crc >> 16) & 255] ^ shift_table[3][crc >> 24];
}

static inline uint64_t load(const uint8_t *p) {
  uint64_t word;
  memcpy(&word, p, 8);
  return word;
}

static uint32_t crc_software(uint32_t crc, const uint8_t *p, size_t count) {
  crc = ~crc;
  for (; count >= 8; count -= 8, p += 8) {
    uint64_t word = load(p) ^ crc;
    crc = byte_table[7][word & 255] ^ byte_table[6][(word >> 8) & 255] ^
          byte_table[5][(word >> 16) & 255] ^ byte_table[4][(word >> 24) & 255] ^
          byte_table[3][(word >> 32) & 255] ^ byte_table[2][(word >> 40) & 255] ^
          byte_table[1][(word >> 48) & 255] ^ byte_table[0][word >> 56];
  }
  for (; count; count--) crc = byte_table[0][(crc ^ *p++) & 255] ^ (crc >> 8);
  return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
#define HARDWARE __attribute__((target("sse4.2")))
#define CRC64(crc, word) ((uint32_t)_mm_crc32_u64((crc), (word)))
#define CRC8(crc, byte) (_mm_crc32_u8((crc), (byte)))
static int has_hardware(void) {
  __builtin_cpu_init();  // Constructors have no order: the compiler's own may come later.
  return __builtin_cpu_supports("sse4.2");
}
#elif defined(__aarch64__) && defined(__linux__)
#include <arm_acle.h>
#include <sys/auxv.h>
#define HARDWARE __attribute__((target("crc")))
#define CRC64(crc, word) (__crc32cd((crc), (word)))
#define CRC8(crc, byte) (__crc32cb((crc), (byte)))
static int has_hardware(void) { return (getauxval(AT_HWCAP) & (1 << 7)) != 0; }
#endif

#ifdef HARDWARE
HARDWARE static uint32_t crc_hardware(uint32_t crc, const uint8_t *p, size_t count) {
  uint32_t a = ~crc;
  for (; count >= 3 * LANE; count -= 3 * LANE, p += 3 * LANE) {
    uint32_t b = 0, c = 0;
    for (size_t i = 0; i < LANE; i += 8) {
      a = CRC64(a, load(p + i));
      b = CRC64(b, load(p + i + LANE));
      c = CRC64(c, load(p + i + 2 * LANE));
    }
    a = shift(shift(a) ^ b) ^ c;
  }
  for (; count >= 8; count -= 8, p += 8) a = CRC64(a, load(p));
  for (; count; count--) a = CRC8(a, *p++);
  return ~a;
}
#endif

static uint32_t (*implementation)(uint32_t crc, const uint8_t *p, size_t count) = crc_software;

// Before `main`, and so before there is a second thread: a frame of a few bytes has no time to ask
// each time whether this was done.
__attribute__((constructor)) static void choose_implementation(void) {
  build_tables();
#ifdef HARDWARE
  if (has_hardware()) implementation = crc_hardware;
#endif
}

uint32_t thalweg_crc32c(uint32_t crc, const void *bytes, size_t count) {
  return implementation(crc, bytes, count);
}
