#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <string>

#include "controller/release/task_crew_loop.h"

namespace serin::release {
namespace {

/// Adds itself `wide` times beneath, until it is that deep.
void grow(TaskCrew& crew, std::atomic<int>& done, int wide, int deep) {
  ++done;
  if (deep == 0) return;
  for (int i = 0; i < wide; ++i) crew.add([&crew, &done, wide, deep] { grow(crew, done, wide, deep - 1); });
}

TEST(TaskCrew, runs_each_task_and_those_that_it_makes_once) {
  for (const unsigned threads : {1U, 2U, 5U, 0U}) {
    TaskCrew crew(threads);
    std::atomic<int> done = 0;
    crew.add([&] { grow(crew, done, 10, 4); });
    crew.run();
    EXPECT_EQ(done, 11'111) << threads;
    crew.add([&] { ++done; });
    crew.run();
    EXPECT_EQ(done, 11'112) << threads;
  }
}

TEST(TaskCrew, has_nothing_to_do_without_tasks) {
  TaskCrew(4).run();
}

TEST(TaskCrew, takes_the_last_first_in_one_thread) {
  TaskCrew crew(1);
  std::string order;
  crew.add([&] { order += "a"; });
  crew.add([&] {
    order += "b";
    crew.add([&] { order += "c"; });
  });
  crew.run();
  EXPECT_EQ(order, "bca");
}

TEST(TaskCrew, works_in_all_its_threads_at_once_when_much_waits) {
  TaskCrew crew(3);
  std::latch all_there(3);
  for (int i = 0; i < 3; ++i) crew.add([&] { all_there.arrive_and_wait(); }, 1'000);
  crew.run();
  EXPECT_TRUE(all_there.try_wait());
}

}  // namespace
}  // namespace serin::release
