/**
 * Images of physical memory: readers for sparse page images, raw files and ELF cores, and a writer
 * for page images. What the tables in them say is the business of {@code image.table}.
 */
package dev.cleave.bench.image;
