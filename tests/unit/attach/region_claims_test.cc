#include "attach/heartbeat/region_claims.h"

#include <gtest/gtest.h>

namespace pyleak::attach {
namespace {

constexpr std::uint32_t kRegions = 3;

class RegionClaimsTest : public testing::Test {
 protected:
  /// What the agent does.
  void Claim(std::uint32_t index, std::uint32_t pid, std::uint64_t now_ns) {
    auto* region = reinterpret_cast<PyleakRegion*>(memory_.data() + PYLEAK_PAGE + index * PYLEAK_REGION_BYTES);
    region->pid = pid;
    region->claimed_ns = now_ns;
    region->state = PYLEAK_REGION_LIVE;
  }

  std::vector<int> TakeNew() {
    std::vector<int> pids;
    for (const RegionClaim& claim : claims_.TakeNew(arena_)) pids.push_back(claim.heartbeat.pid());
    return pids;
  }

  std::vector<std::byte> memory_{PYLEAK_ARENA_BYTES(kRegions)};
  Arena arena_ = *Arena::Make(memory_, kRegions, std::chrono::milliseconds(200), true);
  RegionClaims claims_;
};

using Pids = std::vector<int>;

TEST_F(RegionClaimsTest, TellsEachClaimOnce) {
  EXPECT_EQ(TakeNew(), Pids());
  Claim(1, 17, 1000);
  EXPECT_EQ(TakeNew(), Pids{17});
  Claim(0, 18, 1000);
  EXPECT_EQ(TakeNew(), Pids{18});
  EXPECT_EQ(TakeNew(), Pids());
}

TEST_F(RegionClaimsTest, ThoseThatAreHeldAreNotToldOfAgainWhateverIsWrittenThere) {
  Claim(1, 17, 1000);
  EXPECT_EQ(TakeNew(), Pids{17});
  Claim(1, 1, 2000);
  EXPECT_EQ(TakeNew(), Pids());
  claims_.Free(arena_.region(0));
  EXPECT_TRUE(arena_.region(1).live());
  EXPECT_FALSE(claims_.empty());
}

TEST_F(RegionClaimsTest, TellsTheNextOwnerAlsoIfNobodyLookedInBetween) {
  Claim(1, 17, 1000);
  EXPECT_EQ(TakeNew(), Pids{17});
  claims_.Free(arena_.region(1));
  Claim(1, 18, 2000);
  EXPECT_EQ(TakeNew(), Pids{18});
}

TEST_F(RegionClaimsTest, LooksNoFurtherThanTheArenaReaches) {
  std::vector<std::byte> memory(PYLEAK_ARENA_BYTES(kRegions));
  Arena arena = *Arena::Make(memory, 1, std::chrono::milliseconds(200), true);
  arena.Grow(1000);
  EXPECT_EQ(arena.region_count(), kRegions);
  EXPECT_TRUE(claims_.TakeNew(arena).empty());
}

}  // namespace
}  // namespace pyleak::attach
