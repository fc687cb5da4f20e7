// The float32 limit of this machine: fused multiply-adds that never leave the registers, one thread a core.
// cc -O3 -march=native -ffp-contract=fast -pthread _fma.c -o fma && ./fma THREADS     prints GFLOP/s
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX__)
#define BYTES 32
#else
#define BYTES 16
#endif
typedef float vec __attribute__((vector_size(BYTES)));
#define LANES (BYTES / 4)
#define CHAINS 12  // more than latency times units of any processor of today
static const long ROUNDS = 20000000L;
static volatile float sink;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);  // a core that others use meanwhile does not look slower
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static void *work(void *out) {
  vec r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, ra, rb, x, y;
  for (int i = 0; i < LANES; i++) {
    x[i] = 0.999f; y[i] = 1e-3f;
    r0[i] = r1[i] = r2[i] = r3[i] = r4[i] = r5[i] = r6[i] = r7[i] = r8[i] = r9[i] = ra[i] = rb[i] = (float)i;
  }
  r1 += 1; r2 += 2; r3 += 3; r4 += 4; r5 += 5; r6 += 6; r7 += 7; r8 += 8; r9 += 9; ra += 10; rb += 11;
  double began = now();
  for (long n = 0; n < ROUNDS; n++) {
    r0 = r0 * x + y; r1 = r1 * x + y; r2 = r2 * x + y; r3 = r3 * x + y; r4 = r4 * x + y; r5 = r5 * x + y;
    r6 = r6 * x + y; r7 = r7 * x + y; r8 = r8 * x + y; r9 = r9 * x + y; ra = ra * x + y; rb = rb * x + y;
  }
  *(double *)out = (double)ROUNDS * CHAINS * LANES * 2 / (now() - began) / 1e9;
  vec all = r0 + r1 + r2 + r3 + r4 + r5 + r6 + r7 + r8 + r9 + ra + rb;
  sink += all[0];
  return 0;
}

int main(int count, char **words) {
  int threads = count > 1 ? atoi(words[1]) : 1;
  double best = 0;
  for (int repeat = 0; repeat < 3; repeat++) {
    pthread_t thread[256];
    double each[256], sum = 0;
    if (threads > 256) threads = 256;
    for (int i = 0; i < threads; i++) pthread_create(&thread[i], 0, work, &each[i]);
    for (int i = 0; i < threads; i++) { pthread_join(thread[i], 0); sum += each[i]; }
    if (sum > best) best = sum;
  }
  printf("%.1f\n", best);
  return 0;
}
