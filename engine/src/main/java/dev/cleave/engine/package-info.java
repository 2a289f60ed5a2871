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
 *   <dt>entry
 *   <dd>one 8-byte slot of a table. It is a hole, a leaf or a directory.
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
 *   <dt>gap
 *   <dd>a moment when a mapped address does not translate. What leaves none is <em>hitless</em>.
 * </dl>
 *
 * <p>Addresses and sizes are {@code long}, unsigned. A range is {@code [start, start + length)} and
 * may end exactly at 2^64; inside, it is carried as {@code first} and {@code last}, both inclusive.
 * Names carry units: {@code …Log2}, {@code …Bytes}, {@code …Pages}, {@code …Index}.
 */
@NullMarked
package dev.cleave.engine;

import org.jspecify.annotations.NullMarked;
