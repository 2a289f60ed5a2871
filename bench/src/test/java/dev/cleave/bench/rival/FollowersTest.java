package dev.cleave.bench.rival;

import dev.cleave.engine.PageTable;
import dev.cleave.engine.rmp.RmpBitmap;
import org.junit.jupiter.api.Nested;

/** Runs the contract over every way of following. */
class FollowersTest {
  @Nested
  class RemapInBulk extends ShareRivalContract {
    @Override
    ShareRival create(PageTable table, RmpBitmap bitmap) {
      return new RemapFollower(table, bitmap, false);
    }
  }

  @Nested
  class RemapPageByPage extends ShareRivalContract {
    @Override
    ShareRival create(PageTable table, RmpBitmap bitmap) {
      return new RemapFollower(table, bitmap, true);
    }
  }

  @Nested
  class SplitAndMerge extends ShareRivalContract {
    @Override
    ShareRival create(PageTable table, RmpBitmap bitmap) {
      return new SplitFollower(table, bitmap);
    }

    @Override
    void finish(ShareRival rival) {
      ((SplitFollower) rival).close();
    }
  }
}
