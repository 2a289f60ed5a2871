/**
 * A model of {@code /dev/iommu} on the engine's address spaces, judged by logs of what a real
 * kernel answered: ids, devices, groups and the VFIO calls are emulated here, all else is the
 * engine's.
 */
@NullMarked
package dev.cleave.bench.ioas;

import org.jspecify.annotations.NullMarked;
