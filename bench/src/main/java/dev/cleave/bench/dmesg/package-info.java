/** The lines by which a host's kernel tells of its IOMMUs and its RMP, in dmesg and in debugfs. */
package dev.cleave.bench.dmesg;
