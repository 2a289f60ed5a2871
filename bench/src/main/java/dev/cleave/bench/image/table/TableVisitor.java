package dev.cleave.bench.image.table;

/** Who is told what a decoder finds, in ascending order of iova. */
public interface TableVisitor {
  /**
   * A leaf.
   *
   * @param row the leaf
   */
  default void leaf(LeafRow row) {}

  /**
   * A directory, before what it points at.
   *
   * @param row the directory
   */
  default void directory(DirectoryRow row) {}

  /**
   * A table, after what it holds; one that is reached twice is told once.
   *
   * @param paddr its physical address
   * @param level its hardware level
   * @param iova first address that it decodes
   * @param empty whether it has no present entry
   */
  default void table(long paddr, int level, long iova, boolean empty) {}

  /**
   * A rule that is broken.
   *
   * @param finding which and where
   */
  default void finding(Finding finding) {}

  /** The end: nothing more follows. */
  default void end() {}

  /**
   * One visitor that tells several.
   *
   * @param visitors who are told, in this order
   * @return the visitor
   */
  static TableVisitor all(Iterable<? extends TableVisitor> visitors) {
    return new TableVisitor() {
      @Override
      public void leaf(LeafRow row) {
        visitors.forEach(visitor -> visitor.leaf(row));
      }

      @Override
      public void directory(DirectoryRow row) {
        visitors.forEach(visitor -> visitor.directory(row));
      }

      @Override
      public void table(long paddr, int level, long iova, boolean empty) {
        visitors.forEach(visitor -> visitor.table(paddr, level, iova, empty));
      }

      @Override
      public void finding(Finding finding) {
        visitors.forEach(visitor -> visitor.finding(finding));
      }

      @Override
      public void end() {
        visitors.forEach(TableVisitor::end);
      }
    };
  }
}
