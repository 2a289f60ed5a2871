package dev.cleave.engine.ioas;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;

/**
 * What an operation needs for one table. Each table keeps those that nobody has.
 *
 * @param gather takes what is owed to the table
 * @param cursor looks at its leaves
 */
record TableTools(IotlbGather gather, LeafCursor cursor) {}
