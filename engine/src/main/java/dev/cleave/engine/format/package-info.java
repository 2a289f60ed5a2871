/**
 * One class per entry format. Every shift and mask of a page-table entry, a GCR3 entry or a device
 * table entry lives here and nowhere else in the engine.
 */
@NullMarked
package dev.cleave.engine.format;

import org.jspecify.annotations.NullMarked;
