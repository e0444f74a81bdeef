/**
 * To be imported before `gpu.ts`: takes the driver that FER_TEST_HALF_DRIVER names (the .json file by which a Vulkan driver
 * announces itself), as the GPU in software that Debian's chromium carries has no 16-bit floats. Mesa's lavapipe has.
 */
const { FER_TEST_HALF_DRIVER: driver } = process.env;
if (driver) process.env.VK_ICD_FILENAMES = driver;
