/**
 * What the page tables in a memory image say: their leaves and directories, their defects, and what
 * one address translates to.
 */
package dev.cleave.bench.image.table;
