/* A loop in plain C that obeys `block SECONDS sleep`, `state` and the end of its input, for C libraries for which there
 * is no C++ one. It says what control.h says, and opens no file. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void sleep_in_callback(double seconds) {
  const struct timespec duration = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
  nanosleep(&duration, NULL); /* the line that blocks */
}

static void block(double seconds) {
  const int64_t begin = now();
  sleep_in_callback(seconds);
  printf(
      "{\"event\": \"block\", \"kind\": \"sleep\", \"begin_ns\": %lld, \"end_ns\": %lld, \"pid\": %d, \"tid\": %d, "
      "\"stack\": [{\"filename\": \"c_loop.c\", \"lineno\": 19, \"name\": \"sleep_in_callback\"}]}\n",
      (long long)begin, (long long)now(), getpid(), getpid());
}

static void obey(char* input, long work) {
  for (char* line = strtok(input, "\n"); line; line = strtok(NULL, "\n")) {
    double seconds = 0;
    if (sscanf(line, "block %lf sleep", &seconds) == 1) block(seconds);
    if (strcmp(line, "state") == 0) printf("{\"event\": \"state\", \"signals\": 0, \"work\": %ld}\n", work);
  }
}

int main(void) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0) return 1;
  setlinebuf(stdout);
  printf("{\"event\": \"ready\", \"loop\": \"epoll_wait\", \"pid\": %d, \"tid\": %d}\n", getpid(), getpid());
  for (long work = 0;; ++work) {
    const int ready = epoll_wait(epoll, &event, 1, 10);
    if (ready < 0) return 2;
    if (ready == 0) continue;
    char input[4096];
    const ssize_t count = read(STDIN_FILENO, input, sizeof input - 1);
    if (count <= 0) return 0;
    input[count] = '\0';
    obey(input, work);
  }
}
