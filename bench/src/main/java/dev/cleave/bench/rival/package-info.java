/**
 * Other designs that do a page table's job, or a part of it, each written as well as it goes: what
 * the engine is compared with, in the same run and over the same addresses.
 */
package dev.cleave.bench.rival;
