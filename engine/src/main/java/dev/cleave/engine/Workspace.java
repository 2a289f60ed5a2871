package dev.cleave.engine;

import org.jspecify.annotations.Nullable;

/**
 * What the operations of one writer need for themselves, so that none of them allocates. It goes
 * with the writer's gather, and belongs to who has that.
 */
final class Workspace {
  /** What all workspaces of a table have in common. */
  record Parts(TableTree tree, TableWriter writer, long pageSizes) {}

  final LeafSplitter splitter;
  final LeafMerger merger;
  final LeafExchanger exchanger;
  private @Nullable SeenTables seen;

  Workspace(Parts parts, IotlbGather gather) {
    splitter = new LeafSplitter(parts.tree, parts.writer, gather, parts.pageSizes);
    merger = new LeafMerger(parts.tree, gather, parts.pageSizes);
    exchanger = new LeafExchanger(parts.tree, parts.writer, gather);
  }

  /** What a pass of dirty tracking needs, made by the first: it is large, and most make none. */
  SeenTables seen() {
    SeenTables made = seen;
    if (made == null) {
      made = new SeenTables();
      seen = made;
    }
    return made;
  }
}
