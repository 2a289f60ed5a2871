package dev.cleave.bench.footprint;

/**
 * What another structure takes for a guest.
 *
 * @param guestMemory bytes mapped
 * @param shared fraction of it that is shared
 * @param pattern where the shared pages lie
 * @param rival the structure
 * @param bytes of its objects and of its memory outside the heap, the same in every run
 * @param bytesPerGib the same for each GiB mapped
 * @param fits whether that is within the 24 GiB that the comparison allows; if not, the bytes are a
 *     bound that was not built
 * @param pieces 1 when the whole was built; otherwise one of so many identical pieces was
 */
public record RivalFootprint(
    long guestMemory,
    double shared,
    String pattern,
    String rival,
    long bytes,
    double bytesPerGib,
    boolean fits,
    long pieces) {}
