/** The reverse map of a machine, as an image or its dmesg holds it, beside the machine's tables. */
package dev.cleave.bench.image.rmp;
