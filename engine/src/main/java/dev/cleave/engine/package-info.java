/**
 * The page-table engine.
 *
 * <h2>Words</h2>
 *
 * <dl>
 *   <dt>iova
 *   <dd>I/O virtual address: what a device says.
 *   <dt>paddr
 *   <dd>output (system physical) address: what an entry holds.
 *   <dt>gpa
 *   <dd>guest physical address; <em>spa</em> is the system physical address in RMP matters.
 *   <dt>slot, entry
 *   <dd>a <em>slot</em> is where eight bytes of a table stand, an <em>entry</em> their bits: a
 *       hole, a leaf or a directory.
 *   <dt>leaf
 *   <dd>what translates. A <em>sized leaf</em> fills several slots with the same entry.
 *   <dt>directory
 *   <dd>an entry that points at a table.
 *   <dt>level
 *   <dd>the hardware's: 1 is a table of 4 KiB leaves.
 *   <dt>region
 *   <dd>a 2 MiB-aligned piece of 2 MiB of guest memory.
 *   <dt>share, unshare
 *   <dd>a guest page becomes shared with the host, or private again.
 *   <dt>split, merge
 *   <dd>larger leaves become smaller, smaller ones larger, while every address goes on translating.
 *   <dt>exchange
 *   <dd>hardware replaces a leaf by a directory, and an RMP entry with it, in one step.
 *   <dt>untrusted, trusted
 *   <dd>a device that reaches shared pages only, and one that reaches private pages too or alone.
 *   <dt>status
 *   <dd>the accessed and dirty bits of an entry, which hardware sets at any moment.
 *   <dt>gap
 *   <dd>a moment when a mapped address does not translate. What leaves none is <em>hitless</em>.
 * </dl>
 *
 * <p>Words of the engine's own work:
 *
 * <dl>
 *   <dt>owner, place
 *   <dd>an <em>owner</em> is the number of a page table in its memory; a table's <em>place</em> is
 *       its owner, the first address that it decodes and its level. A page in use has one place,
 *       and who locks a page says which one it has in mind.
 *   <dt>home
 *   <dd>of an operation: the lowest table that has all of its range. It is locked first.
 *   <dt>live
 *   <dd>of a table: how many of its entries are present.
 *   <dt>reserve
 *   <dd>to have table pages promised, before the first store of an operation that takes them.
 *   <dt>take out, wait, take back
 *   <dd>a table that became empty is <em>taken out</em> and <em>waits</em> in a gather for its
 *       flush. A <em>remnant</em> in the slot where it stood names it; a map may <em>take it
 *       back</em>, or fill it as a <em>shadow</em> of a larger leaf.
 *   <dt>abandon
 *   <dd>to give a table a <em>tag</em> instead of its place, so that nobody finds it where it
 *       stood.
 *   <dt>held
 *   <dd>of what was the top: kept in place while a device may still begin its walks there.
 *   <dt>reclaim
 *   <dd>to put pages back for other use, of which software readers are told by a count.
 * </dl>
 *
 * <p>Addresses and sizes are {@code long}, unsigned. A range is {@code [start, start + length)} and
 * may end exactly at 2^64; inside, it is carried as {@code first} and {@code last}, both inclusive.
 * Names carry units: {@code …Log2}, {@code …Bytes}, {@code …Pages}, {@code …Index}.
 */
@NullMarked
package dev.cleave.engine;

import org.jspecify.annotations.NullMarked;
