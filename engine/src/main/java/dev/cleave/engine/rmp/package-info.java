/** What a VMM knows of the SEV-SNP reverse map, and what keeps page tables in step with it. */
@NullMarked
package dev.cleave.engine.rmp;

import org.jspecify.annotations.NullMarked;
